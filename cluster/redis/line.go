package redis

import (
	"context"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
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
	asked      *redislink.Questions[string]
	inbox      *redislink.Inbox[delivery] // what is to be handled

	mu       sync.Mutex // guards adapters; goes before that of the inbox
	adapters []*adapter // never changed, but replaced
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
		asked: redislink.NewQuestions[string](engine),
	}
	ln.inbox = redislink.NewInbox(l.Link, ln.work, func(d delivery) { l.inbound.Add(-d.size()) })
	return ln
}

// join adds a user.
func (ln *line) join(n cluster.Node) (*adapter, error) {
	a := &adapter{line: ln, node: n}
	a.ctx, a.cancel = context.WithCancel(ln.link.Context())
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
		ln.inbox.Clear()
	}
	ln.mu.Unlock()
	if a.unwatch(); last {
		ln.link.drop(ln)
	} else {
		ln.link.rooms.look(ln)
	}
}

// ID tells the line from the others of its link.
func (ln *line) ID() string { return ln.names.pattern }

// Name is the namespace.
func (ln *line) Name() string { return ln.namespace }

// CountChannel is the channel that every node of the namespace subscribes to.
func (ln *line) CountChannel() string { return ln.names.request }

// Unused reports whether nobody uses the line any more.
func (ln *line) Unused() bool { return len(ln.users()) == 0 }

// users returns who uses the line.
func (ln *line) users() []*adapter {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.adapters
}

func (d *delivery) size() int64 { return int64(len(d.message)) + redislink.Overhead }

// receive queues a message to be handled. It does not block. What is more than
// memory is meant to hold is lost: to leave it in Redis would only make Redis end
// the connection, and lose more.
func (ln *line) receive(d delivery) {
	l := ln.link
	if d.kind == responseMessage && !ln.asked.Any() {
		return // somebody else asked
	}
	if len(d.message) > redislink.MaxMessage || l.inbound.Load()+d.size() > redislink.MaxInbound {
		l.Lose("they come faster than they can be applied, or are too large")
		return
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.adapters) == 0 {
		return
	}
	l.inbound.Add(d.size())
	ln.inbox.Add(d)
}

// work handles what was received.
func (ln *line) work(d delivery) {
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

// ignore counts a message that can't be understood.
func (ln *line) ignore(err error) { ln.link.Ignore(ln, err) }

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
func (ln *line) apply(op cluster.Operation) {
	for _, a := range ln.users() {
		if a.ctx.Err() == nil {
			a.node.Apply(op)
		}
	}
}
