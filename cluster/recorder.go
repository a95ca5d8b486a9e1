package cluster

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Recorder is an [Adapter] that keeps what is emitted for a while, and what is left
// of lost sockets, for all nodes: a client that lost its connection finds its
// socket, and what it missed, on whichever node it comes back to.
//
// Each event that is kept has an offset. All nodes deliver the events in the order
// of their offsets.
type Recorder interface {
	Adapter

	// Record publishes an emit and calls deliver, once, before it returns:
	// with the event's offset, between the calls of [Node.Apply] for the
	// events before and after it; or, with an error, without an offset because the
	// event could not be recorded before ctx ended. It may reach other nodes
	// all the same, and be kept, later: a socket that was delivered it then keeps
	// the mark for its [Session]. It must not be called within Apply, which it
	// waits for. When ctx has ended, it does not wait.
	Record(ctx context.Context, op Emit, deliver func(offset, mark string)) error

	// Delivered returns an offset such that the node was told of all events
	// up to it; nothing when there is none yet.
	DeliveredOffset() string

	// Before reports whether an offset is before another one. It does nothing
	// else: a lock may be held meanwhile.
	OffsetBefore(a, b string) bool

	// Save keeps what is left of a socket. It queues and returns, as Publish
	// does.
	Save(left LostSocket, keep time.Duration) error

	// Update saves a session again if it is still saved. It queues and returns,
	// as Publish does.
	Update(left LostSocket, keep time.Duration) error

	// Restore returns what was saved under a pid, for a client whose last
	// event had an offset, and forgets it. With an empty offset it begins
	// where the session says. The error wraps [ErrNotRecoverable] when there is
	// none, or when events after the offset are kept no more.
	Restore(ctx context.Context, pid, offset string) (LostSocket, error)

	// Recall asks the other nodes for a socket that is not saved. The node that has
	// it, with this pid and identity, closes and saves it. Recall reports whether a
	// node did. It waits a moment only: Node.js does not reply.
	CloseStale(ctx context.Context, pid, identity string) bool

	// Return saves a session again that Restore returned, unchanged and for the rest
	// of its time: the client's connection broke before the client knew that it is
	// connected. It queues and returns.
	SaveAgain(left LostSocket) error

	// Missed returns what happened to a lost socket in the session's Rooms: the
	// events after its Offset, and the operations after its Position or, where
	// there is none, after its Offset.
	Replay(ctx context.Context, left LostSocket) (Replay, error)
}

// Replay is what happened to a socket while it was lost.
type Replay struct {
	// Events are the emits to it, in order, each with its offset.
	Events []Emit
	// Rooms are the rooms that it is in after the operations.
	Rooms []string
	// Disconnected is true when an operation disconnected it.
	Disconnected bool
	// Offset is the offset of the last thing that was looked at.
	Offset string
}

// LostSocket is what is left of a socket whose client may come back.
type LostSocket struct {
	// PID is the secret that the client comes back with.
	PID string
	// ID is the socket's.
	ID string
	// Rooms are those that it was in, that of its own id included.
	Rooms []string
	// Data is the socket's, a JSON object.
	Data sio.Data
	// Values is what handlers keep on the socket, a JSON object. It is empty
	// when the session was saved by another kind of server.
	Values sio.Data
	// Offset is that of the last event before the socket connected.
	Offset string
	// Known is true when it is sure that the socket was in this namespace.
	Known bool
	// Identity tells the socket's user from others. It is empty for a socket of
	// anybody, and when the session was saved by another kind of server.
	Identity string
	// Lost is when the connection was lost. It is zero when the session was saved
	// by another kind of server.
	Lost time.Time
	// Position is an offset such that the socket has taken part in all operations
	// up to it. It is empty when the session was saved by another kind of server.
	Position string
	// Marks are the marks of events that the socket was delivered without an offset.
	// It has not missed them.
	Marks []string
	// Saved is the recorder's own form of the session, for [Recorder.Return].
	Saved any
}
