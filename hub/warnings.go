package hub

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

const (
	// maxWarnings is how many different warnings of a kind are logged in an hour.
	maxWarnings    = 100
	warningsPeriod = time.Hour
	// unknownSessionsLimit is how many requests within a minute have to name an
	// unknown session before a warning is logged.
	unknownSessionsLimit = 10
)

// warnings limits the warnings of one kind, so that clients can't fill the log. A key is
// admitted once until the next config. After maxWarnings keys, no other is admitted until
// warningsPeriod has passed.
type warnings struct {
	mu    sync.Mutex // guards the following; a leaf
	keys  map[string]struct{}
	since time.Time // the first of keys
}

// admitKey reports whether the warning with this key is to be logged.
func (w *warnings) admitKey(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.keys) >= maxWarnings && time.Since(w.since) >= warningsPeriod {
		w.keys = nil
	}
	if _, logged := w.keys[key]; logged || len(w.keys) >= maxWarnings {
		return false
	}
	if w.keys == nil {
		w.keys, w.since = make(map[string]struct{}), time.Now()
	}
	w.keys[key] = struct{}{}
	return true
}

// resetKeys admits all warnings again.
func (w *warnings) resetKeys() {
	w.mu.Lock()
	w.keys = nil
	w.mu.Unlock()
}

// recurringWarning limits a warning about a state that may last: it is admitted once a
// minute.
type recurringWarning struct {
	mu    sync.Mutex // guards the following; a leaf
	last  time.Time  // zero if there was none
	count int        // of calls since then
}

// admit reports whether the warning is to be logged.
func (w *recurringWarning) admit() bool { return w.admitCounted() > 0 }

// admitCounted returns how often it was called since the warning before, this call included,
// or 0 if the warning is not to be logged.
func (w *recurringWarning) admitCounted() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if !w.last.IsZero() && time.Since(w.last) < time.Minute {
		return 0
	}
	n, w.count, w.last = w.count, 0, time.Now()
	return n
}

// warnParser logs that the first packet of a client was not encoded by Socket.IO's
// default parser. err is the error of our decoder.
func (c *client) warnParser(message eio.Packet, err error) {
	format := "unknown"
	switch {
	case message.Binary:
		format = "binary, as of socket.io-msgpack-parser"
	case len(message.Data) > 0 && message.Data[0] == '{':
		format = "JSON, as of socket.io-json-parser"
	}
	address := c.session.Handshake().Address
	if !c.hub.parserWarnings.admitKey(format + " " + address) {
		return
	}
	c.hub.log().Warn("the first packet of a client is not a packet of Socket.IO: connection closed",
		zap.String("hub", c.hub.name), zap.String("address", address), zap.String("format", format), zap.Error(err),
		zap.String("remedy", "only the default parser is supported: remove the option parser from the client, or load socket.io.min.js in place of socket.io.msgpack.min.js"))
}

// unknownSessions counts requests that name a session that this node does not have.
type unknownSessions struct {
	mu     sync.Mutex // guards the following; a leaf
	count  int
	since  time.Time // the first of count
	warned time.Time // zero if there was no warning
}

// countRequest counts a request. It reports whether a warning is due.
func (u *unknownSessions) countRequest(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.since) > time.Minute {
		u.count, u.since = 0, now
	}
	u.count++
	if u.count < unknownSessionsLimit || !u.warned.IsZero() && now.Sub(u.warned) < warningsPeriod {
		return false
	}
	u.warned = now
	return true
}

// resetCount admits the warning again.
func (u *unknownSessions) resetCount() {
	u.mu.Lock()
	u.count, u.since, u.warned = 0, time.Time{}, time.Time{}
	u.mu.Unlock()
}

// countUnknownSession counts a request for an unknown session if the hub is part of a
// cluster: another node may know the session. It logs a warning when there are many.
func (h *Hub) countUnknownSession(q *engine.Request) {
	if h.Cluster() == nil || !h.unknownSessions.countRequest(time.Now()) {
		return
	}
	h.log().Warn("clients often name sessions that this node does not know: is the load balancer sticky?",
		zap.String("hub", h.name), zap.String("path", q.Route.Config().Path), zap.String("address", q.Address),
		zap.String("remedy", "send all HTTP requests of a session to one node: by a cookie (option cookie), "+
			"or by the client's address; or let clients use WebSocket alone (transports websocket)"))
}
