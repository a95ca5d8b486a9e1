package hub

import "github.com/caddy-socketio/caddy-socketio/cluster"

// deliveryStarter starts the span of a delivery, as a child of a span of a trace, and returns a
// function that ends it. rooms is the number of rooms that the event was emitted to.
type deliveryStarter func(traceID [16]byte, spanID [8]byte, namespace, event string, rooms int) (end func(sockets int))

// noteTracer reports whether a connection is traced, and keeps its tracer for the spans of
// deliveries. Traces are exported by the web server's config, which the hub does not know, but
// each traced connection does. Before the first one, there is no client to deliver to.
func (h *Hub) noteTracer(q *HandshakeRequest) (traced bool) {
	starter, ok := q.Context.(spanStarter)
	if !ok || !starter.IsTraced() {
		return false
	}
	h.startDelivery.Store(new(deliveryStarter(starter.DeliveryStarter())))
	return true
}

// startDeliverySpan starts the span of an emit's delivery to the sockets of this node, and
// returns a function that ends it. It returns nil for an emit without a trace, and if no
// connection was traced.
func (ns *Namespace) startDeliverySpan(op *cluster.Emit) (end func(sockets int)) {
	if op.Trace == nil {
		return nil
	}
	start := ns.hub.startDelivery.Load()
	if start == nil {
		return nil
	}
	return (*start)(op.Trace.TraceID, op.Trace.SpanID, shortenText(ns.name), shortenText(eventName(op.Data)), len(op.In))
}
