package hub

import (
	"context"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// Do does op to the sockets of this node and tells the other nodes, except of a
// local emit. It is the one door for whatever is done to many sockets. It returns
// the number of sockets of this node that it was done to. The error says that op
// can't be done anywhere; a cluster out of reach is none.
func (ns *Namespace) Do(op cluster.Operation) (int, error) {
	emit, ok := op.(cluster.Emit)
	return ns.do(op, ok && emit.Local)
}

func (ns *Namespace) do(op cluster.Operation, local bool) (int, error) {
	local = local || cluster.TargetsNone(op)
	if emit, ok := op.(cluster.Emit); ok && !local && !emit.Volatile {
		if r := ns.recorder(); r != nil {
			return ns.emitShared(r, emit)
		}
	}
	n, err := ns.apply(op)
	adapter := ns.adapter.Load()
	if err != nil || local || adapter == nil {
		return n, err
	}
	ns.published((*adapter).Publish(op))
	return n, nil
}

// published takes note of what became of telling the other nodes.
func (ns *Namespace) published(err error) {
	if err == nil {
		return
	}
	ns.hub.stats.unpublished.Add(1)
	if e := ns.log().Check(zap.DebugLevel, "other nodes not told"); e != nil {
		e.Write(zap.String("namespace", ns.name), zap.Error(err))
	}
}

func (ns *Namespace) apply(op cluster.Operation) (int, error) {
	switch op := op.(type) {
	case cluster.Emit:
		return ns.emit(op)
	case cluster.Join:
		if CheckRooms(op.Rooms) != nil {
			return 0, nil // no socket joins any of them
		}
		ns.recordOperation(op.Target, cluster.Join{Target: op.Target, Rooms: slices.Clone(op.Rooms)})
		return ns.each(op.Target, func(s *Socket) bool { return s.Join(op.Rooms...) == nil }), nil
	case cluster.Leave:
		ns.recordOperation(op.Target, cluster.Leave{Target: op.Target, Rooms: slices.Clone(op.Rooms)})
		return ns.each(op.Target, func(s *Socket) bool { s.Leave(op.Rooms...); return true }), nil
	case cluster.Disconnect:
		ns.recordOperation(op.Target, op)
		return ns.each(op.Target, func(s *Socket) bool {
			alive := s.state.Load() < stateDisconnecting
			s.Disconnect(op.Close)
			return alive
		}), nil
	}
	return 0, nil
}

// encode encodes an event.
func (ns *Namespace) encode(op cluster.Emit) (*eio.Message, error) {
	p := sio.Packet{Type: sio.Event, Namespace: ns.name, Data: op.Data}
	return p.Encode(sio.V5, !op.NoCompress)
}

// emit encodes an event once and queues it for each socket of the target.
func (ns *Namespace) emit(op cluster.Emit) (int, error) {
	m, err := ns.encode(op)
	if err != nil || op.None {
		return 0, err
	}
	if r := ns.recorder(); r != nil {
		return ns.deliver(ns.offered(r, m, op, op.Offset, ""), m, op.Target), nil
	}
	if ns.hub.window() > 0 {
		return ns.emitRecorded(m, op)
	}
	return ns.deliver(delivery{message: m, volatile: op.Volatile}, m, op.Target), nil
}

// emitRecorded emits an event that clients may have to get again when they come
// back, with its offset for those that can.
func (ns *Namespace) emitRecorded(plain *eio.Message, op cluster.Emit) (int, error) {
	ns.history.mu.Lock()
	defer ns.history.mu.Unlock()
	m, err := ns.history.add(ns, op.Target, op.Data, op.Volatile, !op.NoCompress)
	if err != nil {
		return 0, err
	}
	return ns.deliver(delivery{message: m, volatile: op.Volatile, recorded: !op.Volatile}, plain, op.Target), nil
}

// delivery is an encoded event on its way to a socket.
type delivery struct {
	message  *eio.Message
	volatile bool
	recorded bool   // it can be sent again
	offset   string // where a cluster.Recorder has it
	mark     string // what a cluster.Recorder knows it by without an offset
}

// deliver queues an event for each socket of the target: plain for those that can't
// come back.
func (ns *Namespace) deliver(d delivery, plain *eio.Message, t rooms.Target) int {
	n := ns.each(t, func(s *Socket) bool {
		if s.pid == "" {
			return s.deliver(delivery{message: plain, volatile: d.volatile})
		}
		return s.deliver(d)
	})
	ns.counts.Load().delivered.Add(uint64(n))
	return n
}

// selections holds the lists that targets are resolved into.
var selections = sync.Pool{New: func() any { return new([]*Socket) }}

// each calls fn for each socket of a target, without a lock, and counts those
// for which it returned true.
func (ns *Namespace) each(t rooms.Target, fn func(*Socket) bool) (n int) {
	list := selections.Get().(*[]*Socket)
	*list = ns.index.Select((*list)[:0], t)
	for _, s := range *list {
		if fn(s) {
			n++
		}
	}
	clear(*list) // so that it keeps no socket alive
	selections.Put(list)
	return n
}

// Request puts a question to the sockets of this node and to the other nodes, and
// calls each for every answer, one at a time. The error wraps
// [cluster.ErrIncomplete] when ctx ended before all had answered. An emit that is
// local is for the sockets of this node only.
func (ns *Namespace) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	emit, ok := q.(cluster.EmitAck)
	return ns.ask(ctx, q, ok && emit.Local, each)
}

func (ns *Namespace) ask(ctx context.Context, q cluster.Request, local bool, each func(cluster.Reply)) error {
	adapter := ns.adapter.Load()
	if local || adapter == nil || cluster.TargetsNone(q) {
		return ns.answer(ctx, q, each)
	}
	answers := make(chan cluster.Reply)
	done, over := make(chan error, 2), make(chan struct{})
	defer close(over)
	// Both end when all have answered or ctx ends, and this function reads what
	// they say until both have ended, or each panics.
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
	put("ask this node", func(each func(cluster.Reply)) error { return ns.answer(ctx, q, each) })
	put("ask other nodes", func(each func(cluster.Reply)) error { return (*adapter).Request(ctx, q, each) })
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

func (ns *Namespace) answer(ctx context.Context, q cluster.Request, reply func(cluster.Reply)) error {
	switch q := q.(type) {
	case cluster.FetchSockets:
		reply(ns.describe(q.Target))
	case cluster.AllRooms:
		reply(ns.roomNames())
	case cluster.EmitAck:
		return ns.answerEmit(ctx, q.Emit, reply)
	case cluster.CloseStale:
		reply(cluster.StaleClosed(ns.history.closeFormer(ctx, q.PID, q.Identity, nil)))
	}
	return nil
}

func (ns *Namespace) describe(t rooms.Target) cluster.Sockets {
	found := cluster.Sockets{}
	ns.each(t, func(s *Socket) bool {
		if s.isConnected() {
			found = append(found, s.describe())
		}
		return true
	})
	return found
}

func (ns *Namespace) roomNames() cluster.Rooms {
	page := ns.index.Page("", "", ns.index.Rooms())
	names := make(cluster.Rooms, len(page))
	for i, room := range page {
		names[i] = room.Name
	}
	return names
}

// answerEmit emits an event and replies with each client's acknowledgement.
func (ns *Namespace) answerEmit(ctx context.Context, op cluster.Emit, reply func(cluster.Reply)) error {
	targets := ns.index.Select(nil, op.Target)
	id, wait := ns.acks.expect(targets)
	defer ns.acks.forget(id)
	p := sio.Packet{Type: sio.Event, Namespace: ns.name, ID: id, HasID: true, Data: op.Data}
	m, err := p.Encode(sio.V5, !op.NoCompress)
	if err != nil {
		return err
	}
	clients := 0
	for _, s := range targets {
		if s.deliver(delivery{message: m, volatile: op.Volatile}) {
			clients++
		}
	}
	reply(cluster.ClientCount(clients))
	for range clients {
		select {
		case data := <-wait.answers:
			reply(cluster.ClientAck{Data: data})
		case <-ctx.Done():
			return cluster.ErrIncomplete
		}
	}
	return nil
}
