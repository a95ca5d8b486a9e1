package redisstreams

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

const (
	readCount = 100             // entries in one go
	blockTime = 5 * time.Second // how long Redis holds a read that finds nothing new
	// beforeAll is before the first entry of any stream.
	beforeAll = "0-0"
)

// locate finds where to read on: at first after the newest entry of the stream; and
// where it ends when it ends before what was read, because Redis lost its end. What is
// new may have ids like those lost, and what is before was read.
func (l *link) locate(client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(l.Context(), redisconn.CommandTimeout)
	defer cancel()
	newest, err := client.Do(ctx, client.B().Xrevrange().Key(l.names.stream).End("+").Start("-").Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return err
	}
	last := beforeAll
	if len(newest) > 0 {
		last = newest[0].ID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.position == "" || compareIDs(last, l.position) < 0 {
		l.position = last
	}
	return nil
}

// read reads the stream while there is a connection, until the link ends.
func (l *link) read() {
	for l.Context().Err() == nil {
		s, changed := l.Current()
		if s == nil {
			select {
			case <-changed:
			case <-l.Context().Done():
			}
			continue
		}
		if err := l.follow(s); err != nil && l.Context().Err() == nil {
			if e := l.Log().Check(zap.DebugLevel, "reading the stream"); e != nil {
				e.Write(zap.Error(err))
			}
			l.Rest()
		}
	}
}

// follow reads until the connection is lost or the session ends.
func (l *link) follow(s *session) error {
	c, release := s.Client.Dedicate()
	defer release()
	defer c.Close()
	for {
		if !l.IsCurrent(s) {
			return nil
		}
		entries, err := l.next(c)
		if err != nil {
			return err
		}
		for i := range entries {
			if err := l.take(&entries[i]); err != nil {
				return err
			}
		}
	}
}

// next reads the entries after the position. There are none when nothing comes in
// blockTime.
func (l *link) next(c rueidis.DedicatedClient) ([]rueidis.XRangeEntry, error) {
	l.mu.Lock()
	position := l.position
	l.mu.Unlock()
	// A deadline would be one for the connection, too, and end it.
	ctx, cancel := context.WithCancel(l.Context())
	defer cancel()
	defer time.AfterFunc(blockTime+redisconn.CommandTimeout, cancel).Stop()
	read := c.B().Xread().Count(readCount).Block(blockTime.Milliseconds()).Streams().Key(l.names.stream).Id(position).Build()
	streams, err := c.Do(ctx, read).AsXRead()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, err
	}
	return streams[l.names.stream], nil
}

// take hands an entry to its namespace. It waits for room: unlike what comes by
// channels, what is in the stream does not get lost.
func (l *link) take(entry *rueidis.XRangeEntry) error {
	ln := l.Line(entry.FieldValues["nsp"])
	for ln != nil && l.inbound.Load() > redislink.MaxInbound/2 {
		select {
		case <-l.room:
		case <-l.Context().Done():
			return l.Context().Err()
		}
	}
	if ln != nil {
		ln.read(entry)
	}
	l.mu.Lock()
	l.position = entry.ID
	l.mu.Unlock()
	if ln != nil {
		ln.releaseUpTo(entry.ID)
	}
	return nil
}

// compareIDs compares ids of entries: MILLISECONDS-NUMBER.
func compareIDs(a, b string) int {
	am, an := splitID(a)
	bm, bn := splitID(b)
	switch {
	case am != bm && am < bm, am == bm && an < bn:
		return -1
	case am != bm || an != bn:
		return 1
	}
	return 0
}

func splitID(id string) (ms, n uint64) {
	first, second, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(first, 10, 64)
	n, _ = strconv.ParseUint(second, 10, 64)
	return ms, n
}

// validID reports whether a client's offset is the id of an entry.
func validID(id string) bool {
	first, second, ok := strings.Cut(id, "-")
	return ok && isDigits(first) && isDigits(second)
}

func isDigits(text string) bool {
	return len(text) > 0 && len(text) <= 20 && strings.Trim(text, "0123456789") == ""
}

// after returns the id of the first entry that may come after another, for a range
// that has it: Redis before 6.2 has no other.
func after(id string) string {
	ms, n := splitID(id)
	if n++; n == 0 {
		ms++
	}
	return strconv.FormatUint(ms, 10) + "-" + strconv.FormatUint(n, 10)
}
