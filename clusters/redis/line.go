package redis

import (
	"context"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

// line is one namespace's part of a link: its channels, what came by them, and the
// requests that it waits for answers to. A namespace that is closed and opened
// again has two users of its line for a moment; other servers see one.
type line struct {
	// Static after construction.
	link       *link
	key        string
	namespace  string
	uid        string
	names      names
	tail       string // how its messages end in the sharded dialect
	binaryTail string // the same in MessagePack
	worker     *spawn.Task

	mu       sync.Mutex // guards the following
	adapters []*adapter // never changed, but replaced
	inbox    []delivery // what is to be handled
	working  bool       // the worker runs
	asked    map[string]*question
}

// delivery is a message received.
type delivery struct {
	kind    messageKind
	room    string // whose channel a broadcast came by; "" for all
	message string
}

type messageKind uint8

const (
	broadcastMessage messageKind = iota
	requestMessage
	responseMessage
	shardedMessage
)

func newLine(l *link, key, namespace string) *line {
	uid := l.dialect.id()
	ln := &line{
		link: l, key: key, namespace: namespace, uid: uid, names: l.dialect.names(key, namespace, uid),
		tail: shardTail(uid, namespace), binaryTail: shardBinaryTail(uid, namespace),
		asked: make(map[string]*question),
	}
	// The worker ends when the inbox is empty. A message that it panics at is
	// lost; the next one starts it again.
	ln.worker = spawn.NewTask(l.log, "redis: apply", ln.work, func() { ln.worker.Start() })
	return ln
}

// join adds a user.
func (ln *line) join(n cluster.Node) (*adapter, error) {
	a := &adapter{line: ln, node: n}
	a.ctx, a.cancel = context.WithCancel(ln.link.ctx)
	if mode, ok := ln.link.dialect.(sharded); ok {
		if err := a.watch(mode); err != nil {
			a.cancel()
			return nil, err
		}
	}
	ln.mu.Lock()
	ln.adapters = append(slices.Clone(ln.adapters), a)
	ln.mu.Unlock()
	ln.link.rooms.look(ln)
	return a, nil
}

// leave takes a user away.
func (ln *line) leave(a *adapter) {
	ln.mu.Lock()
	ln.adapters = slices.DeleteFunc(slices.Clone(ln.adapters), func(other *adapter) bool { return other == a })
	last := len(ln.adapters) == 0
	if last {
		ln.clear()
	}
	ln.mu.Unlock()
	if a.unwatch(); last {
		ln.link.drop(ln)
	} else {
		ln.link.rooms.look(ln)
	}
}

// clear forgets what was received. The caller holds mu.
func (ln *line) clear() {
	for _, d := range ln.inbox {
		ln.link.inbound.Add(-d.size())
	}
	ln.inbox = nil
}

func (ln *line) unused() bool { return len(ln.users()) == 0 }

// users returns who uses the line.
func (ln *line) users() []*adapter {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.adapters
}

func (d *delivery) size() int64 { return int64(len(d.message)) + overhead }

// receive queues a message to be handled. It does not block. What is more than
// memory is meant to hold is lost: to leave it in Redis would only make Redis end
// the connection, and lose more.
func (ln *line) receive(d delivery) {
	l := ln.link
	if d.kind == responseMessage && !ln.asking() {
		return // somebody else asked
	}
	if len(d.message) > maxMessage || l.inbound.Load()+d.size() > maxInbound {
		l.lose("they come faster than they can be applied, or are too large")
		return
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.adapters) == 0 {
		return
	}
	l.inbound.Add(d.size())
	ln.inbox = append(ln.inbox, d)
	if !ln.working {
		ln.working = true
		ln.worker.Start()
	}
}

func (ln *line) asking() bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return len(ln.asked) > 0
}

// next removes the message that is to be handled next.
func (ln *line) next() (d delivery, ok bool) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.inbox) == 0 {
		ln.working = false
		return d, false
	}
	d = ln.inbox[0]
	ln.inbox[0] = delivery{} // so that the array behind it keeps no message
	if ln.inbox = ln.inbox[1:]; len(ln.inbox) == 0 {
		ln.inbox = nil
	}
	ln.link.inbound.Add(-d.size())
	return d, true
}

// work handles what was received, in order.
func (ln *line) work() {
	for d, ok := ln.next(); ok; d, ok = ln.next() {
		var err error
		switch d.kind {
		case broadcastMessage:
			err = ln.applyEmit(d)
		case requestMessage:
			err = ln.handle(d.message)
		case responseMessage:
			ln.answered(d.message)
		case shardedMessage:
			err = ln.handleShard(d.message)
		}
		if err != nil {
			ln.ignore(err)
		}
	}
}

// ignore counts a message that can't be understood.
func (ln *line) ignore(err error) {
	ln.link.malformed.Add(1)
	if e := ln.link.log().Check(zap.DebugLevel, "message of another server ignored"); e != nil {
		e.Write(zap.String("namespace", ln.namespace), zap.Error(err))
	}
}

// applyEmit does what a broadcast says, which is nothing to who has nobody in the
// room whose channel it came by.
func (ln *line) applyEmit(d delivery) error {
	if d.room != "" && !ln.concerns(d.room) {
		return nil
	}
	op, ok, err := decodeEmit(d.message, d.room, ln.uid, ln.namespace)
	if ok {
		ln.apply(op)
	}
	return err
}

// apply does what another server said.
func (ln *line) apply(op cluster.Op) {
	for _, a := range ln.users() {
		if a.ctx.Err() == nil {
			a.node.Apply(op)
		}
	}
}
