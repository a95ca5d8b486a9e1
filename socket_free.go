package socketio

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// checkSocketFree returns an error for the first handler that can't handle events without
// a socket.
func checkSocketFree(handlers []hub.Handler) error {
	for _, h := range handlers {
		name := fmt.Sprintf("%T", h)
		if m, ok := h.(caddy.Module); ok {
			name = m.CaddyModule().ID.Name()
		}
		if err := checkWithoutSocket(name, h); err != nil {
			return err
		}
	}
	return nil
}

// checkWithoutSocket returns an error if a handler can't handle events without a socket.
func checkWithoutSocket(name string, handler any) error {
	free, ok := handler.(hub.SocketFree)
	if !ok {
		return fmt.Errorf("%s: it needs a socket, and these events have none", name)
	}
	if err := free.CheckSocketFree(); err != nil {
		return fmt.Errorf("%s: %w, and these events have none", name, err)
	}
	return nil
}

// checkSocketFree returns an error for a line in a block without a socket whose handler
// needs one. The error has the line of the handler, and the target that it lacks.
func (p *parser) checkSocketFree(module any, target, tokens caddyfile.Segment) error {
	if p.socketFree == "" {
		return nil
	}
	name := tokens[0]
	err := checkWithoutSocket(name.Text, module)
	if err == nil {
		return nil
	}
	if len(target) == 0 && acceptsTarget(name.Text) && !hasOption(tokens, "to", "except", "broadcast") {
		line := joinTokens(append(caddyfile.Segment{name}, lineArgs(tokens)...))
		return directive.ErrorAt(name, "%s: %v: write \"all %s\" or \"in ROOM %s\"", p.socketFree, err, line, line)
	}
	return directive.ErrorAt(name, "%s: %v", p.socketFree, err)
}
