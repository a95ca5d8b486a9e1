package redisadapter

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

const (
	readCount = 100             // entries read at once
	blockTime = 5 * time.Second // how long Redis holds a read without new entries
	// beforeFirstEntry is an id before the first entry of any stream.
	beforeFirstEntry = "0-0"
)

// findPosition sets the entry to read after: at first the newest one. If the stream ends
// before the last entry that was read, Redis lost its end. Then the position is the newest
// entry again: entries up to it were read, and new ones may reuse lost ids.
func (d *streams) findPosition(client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(d.conn.ctx, redisconn.CommandTimeout)
	defer cancel()
	newest, err := client.Do(ctx, client.B().Xrevrange().Key(d.stream).End("+").Start("-").Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return err
	}
	last := beforeFirstEntry
	if len(newest) > 0 {
		last = newest[0].ID
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.position == "" || compareEntryIDs(last, d.position) < 0 {
		d.position = last
	}
	return nil
}

// runReader reads the stream while Redis responds, until the connection closes.
func (d *streams) runReader() {
	for d.conn.ctx.Err() == nil {
		s, changed := d.conn.respondingSession()
		if s == nil {
			select {
			case <-changed:
			case <-d.conn.ctx.Done():
			}
			continue
		}
		if err := d.readSession(s); err != nil && d.conn.ctx.Err() == nil {
			if e := d.conn.log().Check(zap.DebugLevel, "reading the stream"); e != nil {
				e.Write(zap.Error(err))
			}
			d.conn.pauseRandomly(minPause)
		}
	}
}

// readSession reads until the connection is lost or the session ends.
func (d *streams) readSession(s *session) error {
	c, release := s.client.Dedicate()
	defer release()
	defer c.Close()
	for {
		if !d.conn.isCurrent(s) {
			return nil
		}
		entries, err := d.readNext(c)
		if err != nil {
			return err
		}
		for i := range entries {
			if err := d.deliverEntry(&entries[i]); err != nil {
				return err
			}
		}
	}
}

// readNext reads the entries after the position. It returns none after blockTime without
// a new entry.
func (d *streams) readNext(c rueidis.DedicatedClient) ([]rueidis.XRangeEntry, error) {
	d.mu.Lock()
	position := d.position
	d.mu.Unlock()
	// The client library would close the connection at a deadline.
	ctx, cancel := context.WithCancel(d.conn.ctx)
	defer cancel()
	defer time.AfterFunc(blockTime+redisconn.CommandTimeout, cancel).Stop()
	read := c.B().Xread().Count(readCount).Block(blockTime.Milliseconds()).Streams().Key(d.stream).Id(position).Build()
	streams, err := c.Do(ctx, read).AsXRead()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, err
	}
	return streams[d.stream], nil
}

// deliverEntry queues an entry for its namespace. It waits while too many bytes wait to be
// handled: unlike messages of channels, entries stay in Redis.
func (d *streams) deliverEntry(entry *rueidis.XRangeEntry) error {
	ns := d.conn.findNamespace(namespaceID{d.hub, entry.FieldValues["nsp"]})
	for ns != nil && d.conn.inbound.Load() > maxInbound/2 {
		select {
		case <-d.conn.inboundFree:
		case <-d.conn.ctx.Done():
			return d.conn.ctx.Err()
		}
	}
	if ns != nil {
		ns.codec.(*streamsCodec).enqueueEntry(entry)
	}
	d.mu.Lock()
	d.position = entry.ID
	d.mu.Unlock()
	if ns != nil {
		ns.codec.(*streamsCodec).releaseUpTo(entry.ID)
	}
	return nil
}
