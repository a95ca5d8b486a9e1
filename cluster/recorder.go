package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Recorder is an [Adapter] with a recovery log and lost sockets. The recovery log keeps
// the events and operations of a namespace for a while. A lost socket is the saved state
// of a socket whose connection was lost. A client that reconnects gets its lost socket
// back, and the events that it missed.
//
// Each event in the recovery log has an offset. A node delivers the events in the order
// of their offsets.
//
// A Recorder either shares its log among all nodes, as cluster/redisstreams does, or has
// a log of this node alone, as cluster/memory does.
type Recorder interface {
	Adapter

	// Record records an operation, and publishes it as [Adapter.Publish] does, as far
	// as scope says. ServerEmit is not recorded.
	//
	// Of an Emit, it calls deliver once, before it returns: with the offset, between
	// the calls of [Node.Apply] for the events before and after it. A volatile emit is
	// delivered without an offset.
	//
	// A Recorder with a shared log waits for the offset, up to wait. Then it delivers
	// the emit without an offset, and the error wraps [ErrNotRecorded]. The emit may
	// be recorded and reach other nodes later all the same; its mark identifies it
	// then. With zero wait, Record does not wait. Another error says that the
	// operation could not be published.
	//
	// Record must not be called within [Node.Apply], for which it may wait.
	Record(op Operation, scope Scope, wait time.Duration, deliver func(Emit)) error

	// DeliveredOffset returns the offset of the last event or operation that this node
	// was given, empty if there is none.
	DeliveredOffset() string

	// OffsetBefore reports whether offset a comes before offset b. It takes no lock and
	// does not block: the caller may hold a lock.
	OffsetBefore(a, b string) bool

	// MayRestore reports whether Restore may find a socket that was lost on this node or
	// another one. It does not block.
	MayRestore(pid string) bool

	// Save saves a lost socket, for keep at least. It queues and returns, as Publish
	// does.
	Save(lost LostSocket, keep time.Duration) error

	// Update saves a lost socket again if it is still saved. It queues and returns, as
	// Publish does.
	Update(lost LostSocket, keep time.Duration) error

	// Restore removes and returns the lost socket with a pid, for a client whose last
	// event had this offset. An empty offset stands for the lost socket's own. The error
	// wraps [ErrNotRecoverable] if there is no such socket, or if the recovery log has
	// removed events after the offset.
	Restore(ctx context.Context, pid, offset string) (LostSocket, error)

	// CloseStale requests that other nodes close and save the socket with this pid and
	// identity. It reports whether a node did. It waits a second at most: Node.js does
	// not reply.
	CloseStale(ctx context.Context, pid, identity string) bool

	// SaveAgain saves a socket that Restore returned, unchanged and for the rest of its
	// time: its client did not get it. It queues and returns.
	SaveAgain(lost LostSocket) error

	// Replay returns the events for a lost socket and its rooms by now. Of lost it reads
	// Rooms, Marks, Offset and Position: the events after Offset count, and the
	// operations after Position or, without one, after Offset. The operations that this
	// node recorded before the call are in the log by then.
	Replay(ctx context.Context, lost LostSocket) (Replay, error)
}

// Scope says which nodes an operation is for.
type Scope uint8

const (
	// AllNodes is the scope of an operation on the sockets of all nodes.
	AllNodes Scope = iota
	// ThisNode is the scope of an operation on the sockets of this node. It is not
	// published. A shared recovery log does not record it.
	ThisNode
	// OneSocket is the scope of an operation on one socket that this node has or had.
	// It is recorded. Other nodes need not get it.
	OneSocket
)

// Replay is the part of the recovery log that concerns a lost socket.
type Replay struct {
	// Events are the events for the socket in order, each with its offset, as clients
	// get them.
	Events []*eio.Message
	// Rooms are the rooms that the socket is in after the operations.
	Rooms []string
	// Data are the keys of the socket's data that operations set.
	Data map[string]sio.Data
	// Disconnected is true if an operation disconnected the socket.
	Disconnected bool
	// Offset is the end of the recovery log at the time of the replay.
	Offset string
}

// LostSocket is the saved state of a socket whose connection was lost.
type LostSocket struct {
	// PID is the secret that names the socket when its client reconnects.
	PID string
	// ID is the socket's id.
	ID string
	// Rooms are the socket's rooms, the room of its own id included.
	Rooms []string
	// Data is the socket's data, a JSON object.
	Data sio.Data
	// Values are the values that handlers keep on the socket, a JSON object. It is empty
	// if Node.js saved the socket.
	Values sio.Data
	// Offset is the offset from which a replay begins for a client without an offset.
	Offset string
	// Known is true if the socket is known to be of this namespace.
	Known bool
	// Identity identifies the socket's user. It is empty for an anonymous user, and if
	// Node.js saved the socket.
	Identity string
	// Lost is the time at which the connection was lost. It is zero if Node.js saved the
	// socket.
	Lost time.Time
	// Position is an offset up to which the socket has taken part in all operations. It
	// is empty if Node.js saved the socket.
	Position string
	// Marks identify events that the socket got without an offset. They are not
	// replayed.
	Marks []string
	// Owner is the hub's own. A Recorder in memory returns it, others do not.
	Owner any
	// Saved is the Recorder's own form of the socket, for [Recorder.SaveAgain].
	Saved any
}

// ErrNotRecorded means that an event has no offset, or has none in time.
var ErrNotRecorded = errors.New("event not recorded")

// ErrNotSaved is an [ErrNotRecoverable]: no socket is saved under the pid.
var ErrNotSaved = fmt.Errorf("%w: it is not saved", ErrNotRecoverable)

// ErrNotRecoverable means that a client cannot get its lost socket back.
var ErrNotRecoverable = errors.New("no such session")
