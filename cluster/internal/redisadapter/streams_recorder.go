package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

var errNotConnected = errors.New("not connected")

// recorder is an adapter of the streams dialect, in which the stream is the recovery log.
// Offsets are ids of entries.
type recorder struct {
	*adapter
	codec *streamsCodec
}

func (c *streamsCodec) newRecorder(a *adapter) cluster.Recorder { return &recorder{a, c} }

// record is an event of this node until its entry is read: then it is delivered, in the
// order of the entries of all nodes.
type record struct {
	tag     string // of its entry
	emit    cluster.Emit
	deliver func(cluster.Emit)
	done    chan struct{} // closed after the event was delivered
	failed  chan error    // receives the error of adding the entry; buffered, never closed
}

// Record adds an operation to the stream, unless its scope is this node. A volatile emit
// and one of that scope are delivered without an offset.
func (r *recorder) Record(op cluster.Operation, scope cluster.Scope, wait time.Duration, deliver func(cluster.Emit)) error {
	emit, isEmit := op.(cluster.Emit)
	if isEmit && !emit.Volatile && scope != cluster.ThisNode {
		return r.recordEmit(emit, wait, deliver)
	}
	if isEmit {
		deliver(emit)
	}
	if scope == cluster.ThisNode || isEmit && scope == cluster.OneSocket {
		return nil
	}
	return r.Publish(op)
}

// recordEmit adds an emit to the stream, and delivers it when its entry is read or, after
// wait, without an offset.
func (r *recorder) recordEmit(emit cluster.Emit, wait time.Duration, deliver func(cluster.Emit)) error {
	c := r.codec
	cmd, err := c.encodeOperation(emit)
	if err != nil {
		deliver(emit)
		return notRecordedError(err)
	}
	cmd.tag = c.newTag()
	marked := emit
	marked.Mark = formatMark(c.uid, cmd.tag)
	if s, _ := c.conn.respondingSession(); s == nil || r.ctx.Err() != nil || wait == 0 {
		err := c.conn.queue.push(cmd)
		deliver(marked)
		if err != nil && wait == 0 {
			return err
		}
		return notRecordedError(cmp.Or(err, unreachableError(errNotConnected)))
	}
	ctx, cancel := context.WithTimeout(r.ctx, wait)
	defer cancel()
	rec := &record{tag: cmd.tag, emit: marked, deliver: deliver, done: make(chan struct{}), failed: make(chan error, 1)}
	cmd.done = onError(func(err error) { rec.failed <- err })
	if err := c.addRecord(rec, cmd); err != nil {
		deliver(emit)
		return notRecordedError(err)
	}
	select {
	case <-rec.done:
		return nil
	case err = <-rec.failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if c.removeRecord(rec) {
		deliver(marked)
		return notRecordedError(err)
	}
	<-rec.done
	return nil
}

func notRecordedError(err error) error { return fmt.Errorf("%w: %w", cluster.ErrNotRecorded, err) }

// newTag returns a tag that tells an entry of this node from its others.
func (c *streamsCodec) newTag() string { return strconv.FormatUint(c.tags.Add(1), 36) }

// formatMark returns the mark of an entry with a tag; "" for an entry of Node.js.
func formatMark(uid, tag string) string {
	if tag == "" {
		return ""
	}
	return uid + "." + tag
}

// addRecord queues an entry and adds its record, both in the same order.
func (c *streamsCodec) addRecord(rec *record, cmd command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.queue.push(cmd); err != nil {
		return err
	}
	c.records = append(c.records, rec)
	return nil
}

// removeRecord removes a record. It returns false when the event is being delivered.
func (c *streamsCodec) removeRecord(rec *record) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.records, rec)
	if i < 0 {
		return false
	}
	c.records = slices.Delete(c.records, i, i+1)
	return true
}

// deliverRecord delivers the event of an entry of this node. Records before it are
// delivered without an offset: Redis lost their entries.
func (c *streamsCodec) deliverRecord(entry *rueidis.XRangeEntry) {
	tag := entry.FieldValues["tag"]
	c.mu.Lock()
	i := slices.IndexFunc(c.records, func(rec *record) bool { return rec.tag == tag })
	if i < 0 { // its record was removed
		c.mu.Unlock()
		return
	}
	reached := slices.Clone(c.records[:i+1])
	c.records = slices.Delete(c.records, 0, i+1)
	c.mu.Unlock()
	for _, rec := range reached[:i] {
		rec.deliverAt("")
	}
	reached[i].deliverAt(entry.ID)
}

// deliverAt delivers the event.
func (rec *record) deliverAt(offset string) {
	defer close(rec.done)
	rec.emit.Offset = offset
	rec.deliver(rec.emit)
}

// DeliveredOffset returns the position of the reader if the inbox is empty, and the last
// handled entry if it is not.
func (r *recorder) DeliveredOffset() string {
	position := r.codec.streams.readPosition()
	r.codec.mu.Lock()
	defer r.codec.mu.Unlock()
	if !r.codec.inbox.isIdle() {
		return r.codec.applied
	}
	return position
}

// OffsetBefore compares the ids of entries.
func (r *recorder) OffsetBefore(a, b string) bool { return compareEntryIDs(a, b) < 0 }

// MayRestore returns true: any node may have saved the socket.
func (r *recorder) MayRestore(string) bool { return true }

// Save queues a lost socket to be saved.
func (r *recorder) Save(lost cluster.LostSocket, keep time.Duration) error {
	return r.saveAs(lost, keep, setValue)
}

// Update queues a lost socket to be saved if its key exists.
func (r *recorder) Update(lost cluster.LostSocket, keep time.Duration) error {
	return r.saveAs(lost, keep, updateValue)
}

func (r *recorder) saveAs(lost cluster.LostSocket, keep time.Duration, kind commandKind) error {
	payload, err := encodeLostSocket(lost, r.codec.id.name)
	if err != nil {
		return err
	}
	return r.codec.conn.queue.push(command{kind: kind, name: r.codec.streams.sessions + lost.PID, payload: payload, keep: keep})
}

// SaveAgain queues a lost socket as it was in Redis before Restore.
func (r *recorder) SaveAgain(lost cluster.LostSocket) error {
	saved, ok := lost.Saved.(savedValue)
	if !ok {
		return fmt.Errorf("%s: %w: it was not restored", r.codec.conn.name, cluster.ErrNotRecoverable)
	}
	return r.codec.streams.saveValueAgain(saved)
}

// defaultStaleTime is how long other nodes have to close a stale socket. Node.js does not
// reply, so a client without a saved socket waits for all of it.
const defaultStaleTime = time.Second

// CloseStale requests other nodes to close and save a stale socket. It returns at the
// first node that did.
func (r *recorder) CloseStale(ctx context.Context, pid, identity string) (found bool) {
	ctx, cancel := context.WithTimeout(ctx, r.codec.streams.staleTime)
	defer cancel()
	_ = r.Request(ctx, cluster.CloseStale{PID: pid, Identity: identity}, func(reply cluster.Reply) {
		if reply == cluster.StaleClosed(true) {
			found = true
			cancel() // no other node has it
		}
	})
	return found
}
