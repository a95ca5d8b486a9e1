package hub

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Request sends a request to all nodes, and calls each for every reply, one at a time. The
// error wraps [cluster.ErrIncomplete] if ctx ended before all nodes had replied, or
// [ErrEvent] if the name of a server-side emit is reserved. A local emit is for the
// sockets of this node only.
func (ns *Namespace) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	if err := checkServerEmit(q); err != nil {
		return err
	}
	emit, ok := q.(cluster.EmitAck)
	return ns.sendRequest(ctx, q, ok && emit.Local, each)
}

// sendRequest is Request, with local for this node only.
func (ns *Namespace) sendRequest(ctx context.Context, q cluster.Request, local bool, each func(cluster.Reply)) error {
	link := ns.link.Load()
	if local || link.cluster == cluster.Alone || cluster.TargetsNone(q) {
		return ns.replyLocally(ctx, q, each)
	}
	answers := make(chan cluster.Reply)
	done, over := make(chan error, 2), make(chan struct{})
	defer close(over)
	// Both goroutines end when all nodes have replied or ctx ends. This function reads
	// their replies until both have ended, or each panics.
	put := func(name string, ask func(each func(cluster.Reply)) error) {
		ns.hub.spawn(name, func() {
			err := errPanicked
			defer func() { done <- err }()
			err = ask(func(a cluster.Reply) {
				select {
				case answers <- a:
				case <-over:
				}
			})
		})
	}
	put("request to this node", func(each func(cluster.Reply)) error { return ns.replyLocally(ctx, q, each) })
	put("request to other nodes", func(each func(cluster.Reply)) error { return link.request(ctx, ns.log(), q, each) })
	var failed error
	for ended := 0; ended < 2; {
		select {
		case a := <-answers:
			each(a)
		case err := <-done:
			ended++
			if err != nil {
				failed = err
			}
		}
	}
	return failed
}

// replyLocally calls reply for each reply of this node.
func (ns *Namespace) replyLocally(ctx context.Context, q cluster.Request, reply func(cluster.Reply)) error {
	switch q := q.(type) {
	case cluster.FetchSockets:
		reply(ns.describeSockets(q.Target))
	case cluster.AllRooms:
		reply(ns.roomNames())
	case cluster.EmitAck:
		return ns.replyAcks(ctx, q.Emit, reply)
	case cluster.CloseStale:
		reply(cluster.StaleClosed(ns.closeStale(ctx, q.PID, q.Identity, nil)))
	}
	return nil
}

// describeSockets describes the accepted sockets of a target.
func (ns *Namespace) describeSockets(t rooms.Target) cluster.Sockets {
	found := cluster.Sockets{}
	ns.forEachSocket(t, func(s *Socket) bool {
		if s.isAccepted() {
			found = append(found, s.describeSocket())
		}
		return true
	})
	return found
}

// replyAcks emits an event and replies with each client's acknowledgement.
func (ns *Namespace) replyAcks(ctx context.Context, op cluster.Emit, reply func(cluster.Reply)) error {
	targets := ns.index.Select(nil, op.Target)
	id, wait := ns.acks.expectAcks(targets)
	defer ns.acks.cancelAcks(id)
	p := sio.Packet{Type: sio.Event, Namespace: ns.name, ID: id, HasID: true, Data: op.Data}
	m, err := p.Encode(sio.V5, !op.NoCompress)
	if err != nil {
		return err
	}
	ns.observeEmit(op.Target, op.Data, nil)
	endSpan := ns.startDeliverySpan(&op)
	clients := 0
	for _, s := range targets {
		if s.deliverEvent(delivery{message: m, volatile: op.Volatile}) {
			clients++
		}
	}
	if endSpan != nil {
		endSpan(clients)
	}
	ns.noteDeliveries(op.In, clients)
	reply(cluster.ClientCount(clients))
	for range clients {
		select {
		case data := <-wait.received:
			reply(cluster.ClientAck{Data: data})
		case <-ctx.Done():
			return cluster.ErrIncomplete
		}
	}
	return nil
}
