package socketio

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// writeGuard sets the write deadlines of a request for Caddy's idle timeouts, which set
// one before each write, and can end writing from another goroutine. A deadline that
// Caddy sets later does not lift that.
type writeGuard struct {
	http.ResponseWriter // the server's own

	mu    sync.Mutex // guards ended, and makes changes of the deadline one at a time
	ended bool
}

// newWriteGuard returns the guard of a request's response.
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
	if g.ended {
		return nil
	}
	return http.NewResponseController(g.ResponseWriter).SetWriteDeadline(deadline)
}

// endWrites makes what is being written fail, and what is written later.
func (g *writeGuard) endWrites() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	// Where the writer knows no deadlines, the write has to end by itself.
	_ = http.NewResponseController(g.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
}
