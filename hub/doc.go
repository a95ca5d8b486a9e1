// Package hub is the registry of Socket.IO namespaces in a process. It connects sockets,
// handles their events one after another, delivers emits, waits for acknowledgements and
// disconnects sockets.
//
// It does not depend on Caddy. A program may use it alone; [Options] configure its route:
//
//	h := hub.New(hub.Options{})
//	h.Of("/chat").On("message", hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
//		_, err := ev.Socket.To("lobby").Emit("message", hub.Args(ev.Args))
//		return err
//	}))
//
// # Order
//
// The events of one socket are handled one after another, in the order sent. Events of
// different sockets are handled at the same time. The emits of one goroutine reach each
// socket in the order emitted. A socket is in its rooms before its client gets the reply
// to its connect packet, and the reply comes before any event. A socket's disconnecting
// event is handled after all events that its client sent, while the socket is in its
// rooms. Its disconnect event is handled after it left them.
//
// Events of a rule with Parallel are the exception: they neither wait for other events of
// their socket nor hold them up. When the socket disconnects, the contexts of their
// handlers end, events that still wait are dropped, and its disconnecting event is handled
// without waiting for them.
//
// # Waiting
//
// No emit waits for a client: it queues the event and returns. Events of a client wait in
// the socket's inbox; a full inbox makes the connection's reader wait. An event whose
// handlers are all [Immediate] is handled by the reader itself if no other one of its socket
// waits or is being handled. Messages to a client
// wait in the queue of its session; a full queue closes the connection.
//
// With recovery and a cluster whose nodes share a recovery log, an emit waits until its
// event has an offset, for a second at most. The caller of the emit waits, too. A listener
// of rooms ([Namespace.OnRoom]) must not emit then: the cluster may be waiting for the
// listener.
//
// # Locks
//
// Namespace.stepMu → Hub.configMu → Namespace.linkMu → Namespace.trackerMu → Hub.mu →
// tracker.mu → memory.Log.order → pidIndex.mu → Socket.mu → the leaves: client.mu, inbox.mu,
// acks.mu, otherIDs.mu, schedule.mu, roomLane.mu, historyStore.mu, and the locks of the packages below. No
// handler, adapter or listener is called with a lock held, with these exceptions: a cluster
// that opens a namespace, with configMu and linkMu; an adapter that publishes the first or
// the last message of a roster, with trackerMu; the Key of a [Presence], with tracker.mu; a
// Recorder that compares offsets, with Socket.mu, or delivers a list or an announcement of
// members to this node, with tracker.mu; and the uninterrupted steps of a rule that reads
// counts, with stepMu, see [CountReader]. A listener of rooms may be called in such a step:
// it must not wait for an event of the namespace.
package hub
