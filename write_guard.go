package socketio

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// writeGuard sets the write deadlines of a request. Caddy's idle timeouts set one before
// each write. After endWrites, a later deadline of Caddy does not permit writes again.
type writeGuard struct {
	http.ResponseWriter // the server's own

	mu       sync.Mutex // guards the following, and makes changes of the deadline one at a time
	ended    bool
	deadline time.Time // the latest one set
}

// sameDeadline is how much earlier than wanted a deadline may stay. A deadline costs more than
// the rest of a small write, and Caddy's idle timeouts set one before each.
const sameDeadline = time.Second

// newWriteGuard returns a guard with which any goroutine can end the writes of a response.
// It also sends the write deadlines of Caddy's idle timeouts through the guard.
func newWriteGuard(w http.ResponseWriter, r *http.Request) *writeGuard {
	g := &writeGuard{ResponseWriter: unwrapWriter(w)}
	if _, idle := caddyhttp.IdleTimeoutsFromContext(r.Context()); idle != nil {
		idle.Ctrl = http.NewResponseController(g)
	}
	return g
}

// SetWriteDeadline sets the deadline, unless writing was ended.
func (g *writeGuard) SetWriteDeadline(deadline time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if later := deadline.Sub(g.deadline); g.ended || later >= 0 && later < sameDeadline && !deadline.IsZero() {
		return nil
	}
	err := http.NewResponseController(g.ResponseWriter).SetWriteDeadline(deadline)
	if g.deadline = deadline; err != nil {
		g.deadline = time.Time{}
	}
	return err
}

// endWrites makes the write under way and all later ones fail. Any goroutine may call it.
func (g *writeGuard) endWrites() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	// If the writer does not support deadlines, the write has to end by itself.
	_ = http.NewResponseController(g.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
}
