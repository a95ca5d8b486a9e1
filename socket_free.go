package socketio

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
)

// checkSocketFree returns an error for the first handler that can't handle events without
// a socket.
func checkSocketFree(handlers []hub.Handler) error {
	for _, h := range handlers {
		name := fmt.Sprintf("%T", h)
		if m, ok := h.(caddy.Module); ok {
			name = m.CaddyModule().ID.Name()
		}
		free, ok := h.(hub.SocketFree)
		if !ok {
			return fmt.Errorf("%s: it needs a socket, and these events have none", name)
		}
		if err := free.CheckSocketFree(); err != nil {
			return fmt.Errorf("%s: %w, and these events have none", name, err)
		}
	}
	return nil
}
