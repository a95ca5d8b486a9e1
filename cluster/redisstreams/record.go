package redisstreams

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
)

// record is an event of this server that waits for its entry to be read: then its
// turn has come among those of other servers.
type record struct {
	tag     string // of its entry, by which it is found
	mark    string
	deliver func(offset, mark string)
	done    chan struct{} // closed when it was delivered
	failed  chan error    // it was not published; never blocks
}

// Record publishes an emit and delivers it when its entry is read.
func (a *adapter) Record(ctx context.Context, op cluster.Emit, deliver func(offset, mark string)) error {
	ln := a.line
	m, err := ln.outgoing(op)
	if err != nil {
		deliver("", "")
		return err
	}
	m.tag = ln.newTag()
	rec := &record{tag: m.tag, mark: markOf(ln.uid, m.tag), deliver: deliver, done: make(chan struct{}), failed: make(chan error, 1)}
	if s, _ := ln.link.Current(); s == nil || a.ctx.Err() != nil || ctx.Err() != nil {
		err := ln.link.out.Push(m)
		deliver("", rec.mark)
		if err == nil {
			err = cmp.Or(ctx.Err(), redislink.Away(errNotYet))
		}
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	m.done = failed(func(err error) { rec.failed <- err })
	if err := ln.expectEntry(rec, m); err != nil {
		deliver("", "")
		return err
	}
	select {
	case <-rec.done:
		return nil
	case err = <-rec.failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if ln.withdraw(rec) {
		deliver("", rec.mark)
		return err
	}
	<-rec.done
	return nil
}

// newTag returns a text that tells an entry of this line from all others.
func (ln *line) newTag() string { return strconv.FormatUint(ln.tags.Add(1), 36) }

// markOf returns the mark of the entry with a tag of a server.
func markOf(uid, tag string) string {
	if tag == "" {
		return "" // of Node.js
	}
	return uid + "." + tag
}

// expectEntry queues an entry and notes that it is awaited, both in the same order.
func (ln *line) expectEntry(rec *record, m outgoing) error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if err := ln.link.out.Push(m); err != nil {
		return err
	}
	ln.records = append(ln.records, rec)
	return nil
}

// withdraw takes a record back. It is false when that is too late.
func (ln *line) withdraw(rec *record) bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	i := slices.Index(ln.records, rec)
	if i < 0 {
		return false
	}
	ln.records = slices.Delete(ln.records, i, i+1)
	return true
}

// recorded delivers the event whose entry was read. Those before it have none:
// Redis lost them, or they are those of a moment ago that nobody waits for.
func (ln *line) recorded(d delivery) {
	ln.mu.Lock()
	i := slices.IndexFunc(ln.records, func(rec *record) bool { return rec.tag == d.tag })
	if i < 0 {
		ln.mu.Unlock()
		return
	}
	reached := slices.Clone(ln.records[:i+1])
	ln.records = slices.Delete(ln.records, 0, i+1)
	ln.mu.Unlock()
	for _, rec := range reached[:i] {
		rec.give("")
	}
	reached[i].give(d.id)
}

func (rec *record) give(offset string) {
	defer close(rec.done)
	rec.deliver(offset, rec.mark)
}

// DeliveredOffset returns how far the stream was read when nothing that was read waits to
// be handled; otherwise what was handled last.
func (a *adapter) DeliveredOffset() string {
	ln, l := a.line, a.line.link
	l.mu.Lock()
	position := l.position
	l.mu.Unlock()
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if !ln.inbox.Idle() {
		return ln.applied
	}
	return position
}

// OffsetBefore compares ids of entries.
func (a *adapter) OffsetBefore(one, other string) bool { return compareIDs(one, other) < 0 }

// Save queues what is left of a socket.
func (a *adapter) Save(left cluster.LostSocket, keep time.Duration) error {
	return a.save(left, keep, aValue)
}

// Update queues what is left of a socket, for a key that is there.
func (a *adapter) Update(left cluster.LostSocket, keep time.Duration) error {
	return a.save(left, keep, anUpdate)
}

func (a *adapter) save(left cluster.LostSocket, keep time.Duration, kind outgoingKind) error {
	payload, err := encodeSession(left, a.line.namespace)
	if err != nil {
		return err
	}
	l := a.line.link
	return l.out.Push(outgoing{kind: kind, name: l.names.sessions + left.PID, payload: payload, keep: keep})
}

// SaveAgain queues what Restore returned, as it was in Redis.
func (a *adapter) SaveAgain(left cluster.LostSocket) error {
	stored, ok := left.Saved.(storedSession)
	if !ok {
		return fmt.Errorf("%s: %w: it was not restored", engine, cluster.ErrNotRecoverable)
	}
	return a.line.link.saveAgain(stored)
}
