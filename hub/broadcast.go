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

// Broadcast is a target, sockets of a namespace, with the flags of an emit to it. It is a
// value: its methods return changed copies, and it may be kept and used again. Without a
// call of To or In its target is all sockets. One that begins at a socket excepts that
// socket.
type Broadcast struct {
	ns       *Namespace
	from     *Socket // excepted, unless included
	included bool
	target   rooms.Target
	flags    cluster.Flags
	timeout  time.Duration
}

// To adds rooms: the target is the sockets that are in at least one of all rooms. An
// empty list of rooms adds no socket; the target is empty unless another call names
// rooms.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.target = b.target.AddRooms(rooms...)
	return b
}

// In is To.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except removes the sockets of rooms from the target. An empty list removes none. A
// socket's id is the name of a room.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.target.Except = slices.Concat(b.target.Except, rooms)
	return b
}

// IncludeSender does not except the socket that the broadcast begins at.
func (b Broadcast) IncludeSender() Broadcast {
	b.included = true
	return b
}

// Volatile drops the event for clients that are not ready: a polling client that does
// not poll at the moment, or one whose queue is not empty.
func (b Broadcast) Volatile() Broadcast {
	b.flags.Volatile = true
	return b
}

// Local restricts the target to the sockets of this node.
func (b Broadcast) Local() Broadcast {
	b.flags.Local = true
	return b
}

// Compress says whether the event is compressed, where compression is on. It is by
// default.
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
// takes: []byte is sent as binary. It queues the event for the sockets of this node,
// publishes it to the other nodes, and returns the number of sockets of this node. It
// waits for no client. The error says that the event can't be sent: its name is reserved
// (it wraps [ErrEvent]), an argument can't be marshalled, or it has more than
// [sio.MaxAttachments] binary values.
func (b Broadcast) Emit(event string, args ...any) (int, error) {
	data, err := eventData(event, args)
	if err != nil {
		return 0, err
	}
	return b.doOperation(cluster.Emit{Target: b.resolvedTarget(), Flags: b.flags, Data: data})
}

// EmitWithAck emits an event and waits for the acknowledgements of all clients that it
// was sent to, on all nodes, for [Broadcast.Timeout] or until ctx ends. It returns the
// arguments of each acknowledgement, as a JSON array, in the order received. With an
// error that wraps [ErrTimeout] it returns the acknowledgements received in time.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) ([]sio.Data, error) {
	data, err := eventData(event, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	emit := cluster.Emit{Target: b.resolvedTarget(), Flags: b.flags, Data: data}
	var answers []sio.Data
	err = b.ns.sendRequest(ctx, cluster.EmitAck{Emit: emit}, b.flags.Local, func(a cluster.Reply) {
		if ack, ok := a.(cluster.ClientAck); ok {
			answers = append(answers, ack.Data)
		}
	})
	return answers, timedOut(err)
}

// FetchSockets returns descriptions of the target's sockets, on all nodes, or on this
// node with Local. It waits for other nodes until ctx ends or the time of Timeout is over.
// With an error that wraps [ErrTimeout] it returns the sockets of the nodes that replied
// in time.
func (b Broadcast) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	var found []RemoteSocket
	q := cluster.FetchSockets{Target: b.resolvedTarget()}
	err := b.ns.sendRequest(ctx, q, b.flags.Local, func(a cluster.Reply) {
		sockets, _ := a.(cluster.Sockets)
		for _, s := range sockets {
			found = append(found, newRemoteSocket(s, b.ns))
		}
	})
	return found, timedOut(err)
}

// FetchPage is [Broadcast.FetchSockets] for long lists: it returns up to limit sockets
// in the order of their ids, beginning after an id. It describes no other sockets of this
// node.
func (b Broadcast) FetchPage(ctx context.Context, after string, limit int) ([]RemoteSocket, error) {
	ctx, cancel := withTimeout(ctx, b.timeout)
	defer cancel()
	var found []RemoteSocket
	add := func(sockets cluster.Sockets) {
		for _, s := range sockets {
			if s.ID > after {
				found = append(found, newRemoteSocket(s, b.ns))
			}
		}
	}
	target := b.resolvedTarget()
	add(b.ns.describeSocketPage(target, after, limit))
	var err error
	if !b.flags.Local && !target.None {
		err = b.ns.link.Load().request(ctx, b.ns.log(), cluster.FetchSockets{Target: target}, func(a cluster.Reply) {
			sockets, _ := a.(cluster.Sockets)
			add(sockets)
		})
	}
	slices.SortFunc(found, func(a, b RemoteSocket) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(len(found), limit)], timedOut(err)
}

// SocketsJoin makes the target's sockets join rooms, on all nodes. It returns the number
// of sockets of this node. The error wraps [ErrRoom].
func (b Broadcast) SocketsJoin(rooms ...string) (int, error) {
	if err := CheckRooms(rooms); err != nil {
		return 0, err
	}
	return b.doOperation(cluster.Join{Target: b.resolvedTarget(), Rooms: rooms})
}

// SocketsLeave makes the target's sockets leave rooms, on all nodes. It returns the
// number of sockets of this node.
func (b Broadcast) SocketsLeave(rooms ...string) (int, error) {
	return b.doOperation(cluster.Leave{Target: b.resolvedTarget(), Rooms: rooms})
}

// SocketsSet sets a key of the data of the target's sockets, on all nodes, as [Socket.Set]
// does. Node.js servers ignore it. A socket whose data would become larger than [MaxData]
// keeps its former value. It returns the number of sockets of this node that have the new
// one. The error says that the value can't be marshalled, or wraps [ErrDataFull]: key and
// value alone are larger.
func (b Broadcast) SocketsSet(key string, value any) (int, error) {
	data, err := sio.Marshal(value)
	if err != nil {
		return 0, err
	}
	if len(key)+data.Size() > MaxData {
		return 0, ErrDataFull
	}
	return b.doOperation(cluster.SetData{Target: b.resolvedTarget(), Key: key, Value: data})
}

// DisconnectSockets disconnects the target's sockets from the namespace or, with close,
// closes their whole connections, on all nodes. It returns the number of sockets of this
// node.
func (b Broadcast) DisconnectSockets(close bool) (int, error) {
	return b.doOperation(cluster.Disconnect{Target: b.resolvedTarget(), Close: close})
}

// doOperation does op, or keeps it until the socket that it comes from is connected.
func (b Broadcast) doOperation(op cluster.Operation) (int, error) {
	scope := cluster.AllNodes
	if b.flags.Local {
		scope = cluster.ThisNode
	}
	if b.from == nil {
		return b.ns.doWithin(scope, op)
	}
	var n int
	var err error
	if b.from.whenConnected(func() { n, err = b.ns.doWithin(scope, op) }) {
		return n, err
	}
	return 0, nil
}

func (b Broadcast) resolvedTarget() rooms.Target {
	if b.from == nil || b.included {
		return b.target
	}
	return b.Except(b.from.id).target
}

// withTimeout returns a context that ends after d. If d is 0 and ctx has no deadline, it
// ends after [DefaultTimeout].
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); d == 0 && !bounded {
		d = DefaultTimeout
	}
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// timedOut wraps [ErrTimeout] around the error of a deadline.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cluster.ErrIncomplete) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}
