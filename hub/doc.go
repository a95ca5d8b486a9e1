// Package hub is the process-wide registry of Socket.IO namespaces and what
// happens in them: connecting and refusing sockets, handling their events one
// after another, delivering what is emitted, acknowledging, disconnecting.
//
// It knows nothing of Caddy. A program may use it alone:
//
//	h := hub.New(hub.Options{})
//	h.Of("/chat").On("message", hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
//		_, err := ev.Socket.To("lobby").Emit("message", hub.Args(ev.Args))
//		return err
//	}))
//
// # Order
//
// The events of one socket are handled one after another, in the order sent;
// those of different sockets at the same time. What one goroutine emits reaches
// each socket in the order emitted. A socket is in its rooms before its client
// learns that it is connected, and its client learns that before it gets any
// event. A socket's disconnecting event is handled after everything that it had
// sent, while its rooms still stand; its disconnect event after it left them.
//
// # Waiting
//
// Nothing here waits for a client: an emit queues and returns. Things wait in a
// socket's inbox, where a full one makes the connection's reader wait, and in a
// connection's outbox, where a full one closes the connection.
//
// With recovery and a cluster whose nodes share a recovery log, an emit waits until its
// event has an offset, for a second at most. The caller of the emit waits, too. A listener
// of rooms ([Namespace.OnRoom]) must not emit then: the cluster may be waiting for the
// listener.
//
// # Locks
//
// Hub.configMu → Namespace.linking → Hub.mu → memory.Log.order → pidIndex.mu → Socket.mu →
// the leaves: client.mu, inbox.mu, acks.mu, and the locks of the packages below. No
// handler, adapter or listener is called with a lock held, with two exceptions: a cluster
// that opens a namespace, with the first two, and a Recorder that compares offsets, with
// Socket.mu.
package hub
