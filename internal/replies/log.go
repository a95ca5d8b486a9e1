// Package replies keeps the replies to requests that have an id. A repeated request gets
// the reply of the first one and has no second effect.
package replies

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of a Log. Beyond maxReplies or maxBytes it drops the oldest replies early.
const (
	Lifetime      = time.Minute // how long a reply is kept
	maxReplies    = 65_536
	maxBytes      = 16 << 20
	entryOverhead = 256 // bytes of an entry besides its texts
)

// ErrOtherContent is the error for an id that belongs to a request with another content.
var ErrOtherContent = errors.New("the id was used within the last minute for another request")

// Key identifies a request.
type Key struct{ Namespace, Operation, ID string }

// Log keeps each reply for Lifetime, a minute, and at most 65,536 replies of 16 MiB. Its
// zero value is ready for use. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex // guards the following; a leaf
	entries map[Key]*entry
	kept    []*entry // with a reply, the oldest first
	bytes   int      // of kept
	timer   *time.Timer
}

// entry is a running request, or the reply to a completed one.
type entry struct {
	// Static after construction.
	key     Key
	content uint64
	done    chan struct{} // closed by completeEntry

	// Set before done is closed.
	failed      bool
	reply       any
	size        int
	completedAt time.Time
}

// hashSeed is the seed of the hashes of contents.
var hashSeed = maphash.MakeSeed()

// DoOnce calls do and returns its reply. If a request with the same key succeeded within
// Lifetime, DoOnce returns its reply instead. While a request with the same key runs,
// DoOnce waits for its reply, until ctx ends. An error of do is not kept, so the next
// request runs. For an equal key with different content the error is [ErrOtherContent]. Do
// also returns the size of its reply in bytes, for the Log's bound.
func (l *Log) DoOnce(ctx context.Context, key Key, content []byte, do func() (reply any, size int, err error)) (any, error) {
	sum := maphash.Bytes(hashSeed, content)
	for {
		e, first := l.findOrAddEntry(key, sum)
		switch {
		case first:
			return l.runFirst(e, do)
		case e.content != sum:
			return nil, ErrOtherContent
		}
		select {
		case <-e.done:
			if !e.failed {
				return e.reply, nil
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// findOrAddEntry returns the entry of a key, and reports whether it is new.
func (l *Log) findOrAddEntry(key Key, content uint64) (e *entry, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimEntries(time.Now())
	if e := l.entries[key]; e != nil {
		return e, false
	}
	if l.entries == nil {
		l.entries = make(map[Key]*entry)
	}
	e = &entry{key: key, content: content, done: make(chan struct{})}
	l.entries[key] = e
	return e, true
}

// runFirst runs the first request of a key. The request fails if do panics.
func (l *Log) runFirst(e *entry, do func() (any, int, error)) (any, error) {
	e.failed = true
	defer l.completeEntry(e)
	reply, size, err := do()
	if err == nil {
		e.failed, e.reply, e.size = false, reply, size
	}
	return reply, err
}

// completeEntry keeps the reply of an entry, or removes an entry that failed.
func (l *Log) completeEntry(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(e.done)
	if e.failed {
		delete(l.entries, e.key)
		return
	}
	e.completedAt = time.Now()
	l.kept = append(l.kept, e)
	l.bytes += e.countBytes()
	l.trimEntries(e.completedAt)
	if l.timer == nil {
		l.timer = time.AfterFunc(Lifetime, l.trimExpired)
	}
}

// countBytes returns the bytes that an entry counts for.
func (e *entry) countBytes() int {
	return entryOverhead + len(e.key.Namespace) + len(e.key.ID) + e.size
}

// trimEntries drops replies that are too old or too many. The caller holds mu.
func (l *Log) trimEntries(now time.Time) {
	n := 0
	for n < len(l.kept) && (now.Sub(l.kept[n].completedAt) >= Lifetime || len(l.kept)-n > maxReplies || l.bytes > maxBytes) {
		delete(l.entries, l.kept[n].key)
		l.bytes -= l.kept[n].countBytes()
		n++
	}
	clear(l.kept[:n])
	if l.kept = l.kept[n:]; len(l.kept) == 0 {
		l.kept = nil
	}
}

// trimExpired drops the old replies of an idle log, until it is empty.
func (l *Log) trimExpired() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimEntries(time.Now())
	if l.timer = nil; len(l.kept) > 0 {
		l.timer = time.AfterFunc(time.Until(l.kept[0].completedAt.Add(Lifetime)), l.trimExpired)
	}
}
