package hub

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

const (
	// maxWarnings is how many different warnings of a kind are logged in an hour.
	maxWarnings    = 100
	warningsPeriod = time.Hour
	// maxWarningText is how many bytes of a client's text a warning has.
	maxWarningText = 200
)

// warnings limits the warnings of one kind, so that clients can't fill the log. A key is
// admitted once until the next config. After maxWarnings keys, no other is admitted until
// warningsPeriod has passed.
type warnings struct {
	mu    sync.Mutex // guards the following; a leaf
	keys  map[string]struct{}
	since time.Time // the first of keys
}

// admit reports whether the warning with this key is to be logged.
func (w *warnings) admit(key string) bool {
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

// reset admits all warnings again.
func (w *warnings) reset() {
	w.mu.Lock()
	w.keys = nil
	w.mu.Unlock()
}

// warnOrigin logs that a request was refused because of its origin.
func (h *Hub) warnOrigin(q *engine.Request, origin string) {
	r := q.Route.Owner.(*Route)
	if origin = shorten(origin); !r.origins.admit(origin) {
		return
	}
	remedy := "if its pages may connect, add it to the option origins of this route"
	if origin == "" {
		remedy = "the page is of another site, and the browser does not name it: let the client use another transport than JSONP"
	}
	h.log().Warn("origin refused",
		zap.String("hub", h.name), zap.String("path", q.Route.Config().Path), zap.String("origin", origin),
		zap.String("host", shorten(q.R.Host)), zap.String("address", q.Address), zap.String("remedy", remedy))
}

// shorten limits a text that a client has chosen.
func shorten(text string) string {
	if len(text) > maxWarningText {
		return text[:maxWarningText] + "..."
	}
	return text
}
