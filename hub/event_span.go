package hub

import "context"

// Outcomes of the spans of events.
const (
	outcomeOK      = "ok"
	outcomeRefused = "refused" // an error that the client may read
	outcomeError   = "error"
	outcomePanic   = "panic"
)

// spanStarter is a [HandshakeRequest.Context] that may have a span of OpenTelemetry, to which
// spans of events are linked. The events of other connections have none.
type spanStarter interface {
	// IsTraced reports whether there is a span. StartSpan is not called without one.
	IsTraced() bool
	// StartSpan starts the span of an event, on the goroutine that handles it, and returns
	// the context for its handlers. end is called once.
	StartSpan(ctx context.Context, rule, namespace, event, handlers string) (traced context.Context, end func(outcome string, failed bool))
	// DeliveryStarter returns a function that starts spans of deliveries, see deliveryStarter.
	// It is not called without a span.
	DeliveryStarter() func(traceID [16]byte, spanID [8]byte, namespace, event string, rooms int) (end func(sockets int))
}

// callTraced calls the handlers of an event in a span, if its connection is traced and the
// event has a rule.
func (ns *Namespace) callTraced(ctx context.Context, rule *rule, ev *Event) error {
	if ev.Socket == nil || rule == nil || !ev.Socket.client.traced {
		return ns.callRuleWith(ctx, rule, ev)
	}
	starter := ev.Socket.handshakeRequest().Context.(spanStarter)
	ctx, end := starter.StartSpan(ctx, rule.label, shortenText(ns.name), shortenText(ev.Name), rule.handlerNames)
	err := errPanicked
	defer func() {
		outcome := outcomeOf(err)
		end(outcome, outcome == outcomeError || outcome == outcomePanic)
	}()
	err = ns.callRuleWith(ctx, rule, ev)
	return err
}

// outcomeOf returns the outcome of an event whose handlers returned err.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case err == errPanicked:
		return outcomePanic
	case isOutage(err), clientErrorOf(err).Message == internalError:
		return outcomeError
	}
	return outcomeRefused
}
