package redisstreams

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
)

// line is one namespace's part of a link: its channels, what came by them and by
// the stream, and the questions that it waits for answers to. A namespace that is
// closed and opened again has two users of its line for a moment; other servers see
// one.
type line struct {
	// Static after construction.
	link      *link
	namespace string
	uid       string
	public    string // channel of questions
	private   string // channel of answers to this server
	asked     *redislink.Questions[*message]
	inbox     *redislink.Inbox[delivery] // what is to be handled
	tags      atomic.Uint64              // given to entries so far

	mu       sync.Mutex // guards the following; goes before those of the inbox and of the queue of what is published
	adapters []*adapter // never changed, but replaced
	records  []*record  // own events whose entries are yet to be read, in order
	applied  string     // the last entry that was handled
	added    string     // the newest own entry of this session
	held     []*heldMessage
}

// delivery is something received.
type delivery struct {
	id      string // of the entry; empty for what came by a channel
	own     bool   // the entry is this server's
	tag     string // of an own entry
	typ     string // of the entry
	payload string
	ordered bool // a message that has waited for its entry
}

func newLine(l *link, namespace string) *line {
	uid := newID()
	ln := &line{
		link: l, namespace: namespace, uid: uid, asked: redislink.NewQuestions[*message](engine),
		public: l.names.public(namespace), private: l.names.private(namespace, uid),
	}
	ln.inbox = redislink.NewInbox(l.Link, ln.work, func(d delivery) { l.release(d.size()) })
	return ln
}

// join adds a user.
func (ln *line) join(n cluster.Node) *adapter {
	a := &adapter{line: ln, node: n}
	a.ctx, a.cancel = context.WithCancel(ln.link.Context())
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.adapters = append(slices.Clone(ln.adapters), a)
	return a
}

// leave takes a user away.
func (ln *line) leave(a *adapter) {
	ln.mu.Lock()
	ln.adapters = slices.DeleteFunc(slices.Clone(ln.adapters), func(other *adapter) bool { return other == a })
	last := len(ln.adapters) == 0
	if last {
		ln.inbox.Clear()
		ln.dropHeld()
	}
	ln.mu.Unlock()
	if last {
		ln.link.drop(ln)
	}
}

// ID tells the line from the others of its link.
func (ln *line) ID() string { return ln.namespace }

// Name is the namespace.
func (ln *line) Name() string { return ln.namespace }

// CountChannel is the channel that every node of the namespace subscribes to.
func (ln *line) CountChannel() string { return ln.public }

// Unused reports whether nobody uses the line any more.
func (ln *line) Unused() bool { return len(ln.users()) == 0 }

// users returns who uses the line.
func (ln *line) users() []*adapter {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.adapters
}

func (d *delivery) size() int64 { return int64(len(d.payload)) + redislink.Overhead }

// release notes that so much less waits to be handled.
func (l *link) release(size int64) {
	if l.inbound.Add(-size) <= redislink.MaxInbound/2 {
		select {
		case l.room <- struct{}{}:
		default:
		}
	}
}

// read queues an entry of the stream to be handled.
func (ln *line) read(entry *rueidis.XRangeEntry) {
	f := entry.FieldValues
	ln.queue(delivery{id: entry.ID, own: f["uid"] == ln.uid, tag: f["tag"], typ: f["type"], payload: f["data"]})
}

// receive queues a message of a channel to be handled. It does not block. What is
// more than memory is meant to hold is lost: to leave it in Redis would only make
// Redis end the connection, and lose more.
func (ln *line) receive(payload string) {
	d := delivery{payload: payload}
	if len(payload) > redislink.MaxMessage || ln.link.inbound.Load()+d.size() > redislink.MaxInbound {
		ln.link.Lose("they come faster than they can be applied, or are too large")
		return
	}
	ln.queue(d)
}

func (ln *line) queue(d delivery) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.adapters) == 0 || d.own && len(ln.records) == 0 {
		return
	}
	ln.add(d)
}

// add puts something into the inbox. The caller holds mu.
func (ln *line) add(d delivery) {
	ln.link.inbound.Add(d.size())
	ln.inbox.Add(d)
}

// work handles what was received.
func (ln *line) work(d delivery) {
	if err := ln.handle(d); err != nil {
		ln.ignore(err)
	}
	if d.id != "" {
		ln.mu.Lock()
		ln.applied = d.id
		ln.mu.Unlock()
	}
}

func (ln *line) handle(d delivery) error {
	switch {
	case d.own:
		ln.recorded(d)
		return nil
	case d.id == "":
		m, err := decodeMessage(d.payload)
		if err != nil || m.UID == ln.uid || m.Nsp != ln.namespace {
			return err
		}
		if ln.hold(d, m.After) {
			return nil
		}
		return ln.handleMessage(m)
	case len(d.payload) > redislink.MaxMessage:
		return fmt.Errorf("%s: %w", engine, redislink.ErrTooLarge)
	}
	typ, err := strconv.Atoi(d.typ)
	if err != nil || typ < peer.TypeEmit || typ > peer.TypeDisconnect {
		return nil // heartbeats of older versions, which have nothing to say
	}
	m, err := decodeEntry(typ, d.payload)
	if err != nil {
		return err
	}
	m.id = d.id
	return ln.handleEntry(m)
}

// ignore counts a message that can't be understood.
func (ln *line) ignore(err error) { ln.link.Ignore(ln, err) }

// apply does what another server said.
func (ln *line) apply(op cluster.Operation) {
	for _, a := range ln.users() {
		if a.ctx.Err() == nil {
			a.node.Apply(op)
		}
	}
}
