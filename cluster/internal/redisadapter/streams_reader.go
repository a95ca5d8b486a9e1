package redisadapter

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

const (
	readCount = 100             // entries in one go
	blockTime = 5 * time.Second // how long Redis holds a read that finds nothing new
	// beforeAll is before the first entry of any stream.
	beforeAll = "0-0"
)

// findPosition finds where to read on: at first after the newest entry of the stream; and
// where it ends when it ends before what was read, because Redis lost its end. What is
// new may have ids like those lost, and what is before was read.
func (d *streams) findPosition(client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(d.conn.ctx, redisconn.CommandTimeout)
	defer cancel()
	newest, err := client.Do(ctx, client.B().Xrevrange().Key(d.stream).End("+").Start("-").Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return err
	}
	last := beforeAll
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

// runReader reads the stream while there is a connection, until the link ends.
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
			d.conn.pause(minPause)
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

// readNext reads the entries after the position. There are none when nothing comes in
// blockTime.
func (d *streams) readNext(c rueidis.DedicatedClient) ([]rueidis.XRangeEntry, error) {
	d.mu.Lock()
	position := d.position
	d.mu.Unlock()
	// A deadline would be one for the connection, too, and end it.
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

// deliverEntry hands an entry to its namespace. It waits for room: unlike what comes by
// channels, what is in the stream does not get lost.
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
