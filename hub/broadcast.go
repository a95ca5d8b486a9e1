package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Broadcast names sockets of a namespace and says how to emit to them. It is a
// value: its methods return changed copies, and one may be kept and used again.
// Without a call of To or In it names all sockets. One that begins at a socket leaves that
// socket out.
type Broadcast struct {
	ns       *Namespace
	from     *Socket // left out, unless included
	included bool
	target   rooms.Target
	flags    cluster.Flags
	timeout  time.Duration
}

// To adds rooms: a socket that is in at least one of all rooms is meant, once. An
// empty list of rooms means nobody, unless another call names rooms.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.target = b.target.AddRooms(rooms...)
	return b
}

// In is To.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except leaves out the sockets of rooms, none when the list is empty. A socket's id does for a room.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.target.Except = slices.Concat(b.target.Except, rooms)
	return b
}

// IncludeSender does not leave out the socket that the broadcast begins at.
func (b Broadcast) IncludeSender() Broadcast {
	b.included = true
	return b
}

// Volatile lets a socket miss the event that is not ready to take it: one with a
// polling client that does not poll at the moment, or with much to be written
// yet.
func (b Broadcast) Volatile() Broadcast {
	b.flags.Volatile = true
	return b
}

// Local keeps to the sockets of this node.
func (b Broadcast) Local() Broadcast {
	b.flags.Local = true
	return b
}

// Compress says whether the event is worth compressing, where compression is on.
// It is by default.
func (b Broadcast) Compress(compress bool) Broadcast {
	b.flags.NoCompress = !compress
	return b
}

// Timeout sets how long [Broadcast.EmitWithAck] waits, [DefaultTimeout] by
// default.
func (b Broadcast) Timeout(d time.Duration) Broadcast {
	b.timeout = d
	return b
}

// Emit emits an event with arguments, each of them anything that [sio.Marshal]
// takes: []byte is sent as binary. It queues the event for the sockets of this
// node, tells the other nodes, and returns the number of sockets that it was
// queued for here. It waits for nobody. The error says that the event can't be
// sent: its name is reserved (it wraps [ErrEvent]), an argument can't be
// marshalled, or it has more than [sio.MaxAttachments] binary values.
func (b Broadcast) Emit(event string, args ...any) (int, error) {
	data, err := eventData(event, args)
	if err != nil {
		return 0, err
	}
	return b.do(cluster.Emit{Target: b.targeted(), Flags: b.flags, Data: data})
}

// EmitWithAck emits an event and waits for the acknowledgements of all clients
// that got it, on all nodes, for [Broadcast.Timeout] or until ctx ends. It
// returns the arguments of each acknowledgement, as a JSON array, in the order in
// which they came; with an error that wraps [ErrTimeout], those that came in time.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) ([]sio.Data, error) {
	data, err := eventData(event, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	emit := cluster.Emit{Target: b.targeted(), Flags: b.flags, Data: data}
	var answers []sio.Data
	err = b.ns.ask(ctx, cluster.EmitAck{Emit: emit}, b.flags.Local, func(a cluster.Reply) {
		if ack, ok := a.(cluster.ClientAck); ok {
			answers = append(answers, ack.Data)
		}
	})
	return answers, timedOut(err)
}

// FetchSockets describes the sockets, on all nodes. With an error that wraps
// [ErrTimeout], some nodes did not answer before ctx ended.
func (b Broadcast) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	var found []RemoteSocket
	q := cluster.FetchSockets{Target: b.targeted()}
	err := b.ns.ask(ctx, q, b.flags.Local, func(a cluster.Reply) {
		sockets, _ := a.(cluster.Sockets)
		for _, s := range sockets {
			found = append(found, RemoteSocket{Socket: s, ns: b.ns})
		}
	})
	return found, timedOut(err)
}

// FetchPage is [Broadcast.FetchSockets] for long lists: it returns up to limit sockets
// in the order of their ids, those that come after an id. Of the sockets of this node
// it describes no more than these.
func (b Broadcast) FetchPage(ctx context.Context, after string, limit int) ([]RemoteSocket, error) {
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	var found []RemoteSocket
	add := func(sockets cluster.Sockets) {
		for _, s := range sockets {
			if s.ID > after {
				found = append(found, RemoteSocket{Socket: s, ns: b.ns})
			}
		}
	}
	target := b.targeted()
	add(b.ns.describeSocketPage(target, after, limit))
	var err error
	if !b.flags.Local && !target.None {
		err = b.ns.link.Load().adapter.Request(ctx, cluster.FetchSockets{Target: target}, func(a cluster.Reply) {
			sockets, _ := a.(cluster.Sockets)
			add(sockets)
		})
	}
	slices.SortFunc(found, func(a, b RemoteSocket) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(len(found), limit)], timedOut(err)
}

// SocketsJoin makes the sockets join rooms, on all nodes. It returns the number
// of sockets of this node that were told to. The error wraps [ErrRoom].
func (b Broadcast) SocketsJoin(rooms ...string) (int, error) {
	if err := CheckRooms(rooms); err != nil {
		return 0, err
	}
	return b.do(cluster.Join{Target: b.targeted(), Rooms: rooms})
}

// SocketsLeave makes the sockets leave rooms, on all nodes. It returns the number
// of sockets of this node that were told to.
func (b Broadcast) SocketsLeave(rooms ...string) (int, error) {
	return b.do(cluster.Leave{Target: b.targeted(), Rooms: rooms})
}

// DisconnectSockets disconnects the sockets from the namespace or, with close,
// closes their whole connections, on all nodes. It returns the number of sockets
// of this node.
func (b Broadcast) DisconnectSockets(close bool) (int, error) {
	return b.do(cluster.Disconnect{Target: b.targeted(), Close: close})
}

// do does op, or keeps it until the socket that it comes from is connected.
func (b Broadcast) do(op cluster.Operation) (int, error) {
	scope := cluster.AllNodes
	if b.flags.Local {
		scope = cluster.ThisNode
	}
	if b.from == nil {
		return b.ns.doWithin(scope, op)
	}
	var n int
	var err error
	if b.from.whenLive(func() { n, err = b.ns.doWithin(scope, op) }) {
		return n, err
	}
	return 0, nil
}

func (b Broadcast) targeted() rooms.Target {
	if b.from == nil || b.included {
		return b.target
	}
	return b.Except(b.from.id).target
}

// withTimeout bounds ctx by d, or by the default when neither says anything.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); d == 0 && !bounded {
		d = DefaultTimeout
	}
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// timedOut gives the end of a context its name.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cluster.ErrIncomplete) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}
