package backend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// lookUpEvent returns the value of a placeholder that only events have.
func lookUpEvent(ev *hub.Event, name string) (sio.Data, bool) {
	if isCountName(name) {
		return placeholder.Lookup(ev, name)
	}
	return ev.Lookup(name)
}

// isEventName reports whether only events have the value of a placeholder.
func isEventName(name string) bool {
	return strings.HasPrefix(name, "event.") || strings.HasPrefix(name, "socket.") || strings.HasPrefix(name, "jwt.") || isCountName(name)
}

// isCountName reports whether a placeholder is a number of sockets.
func isCountName(name string) bool {
	return name == "namespace.size" || strings.HasPrefix(name, "room.") && strings.HasSuffix(name, ".size")
}

// refuseExtended returns an error for a placeholder of an event with a default or another
// placeholder in it: Caddy's replacer would find neither.
func refuseExtended(text string, path []string, at *place) error {
	for i := range len(text) {
		if text[i] != '{' || i > 0 && text[i-1] == '\\' {
			continue
		}
		key, _, ok := placeholder.Cut(text[i:])
		if ok && isOwnFamily(key) && !placeholder.IsSimple(key) {
			return fmt.Errorf("unexpected {%s} in %s: Caddy replaces the placeholders there, without defaults and without placeholders inside of others; "+
				"expected a simple one, like {socket.data.KEY}", key, describePlace(path, at))
		}
	}
	return nil
}

// isOwnFamily reports whether a key begins as the placeholders of events do.
func isOwnFamily(key string) bool {
	family, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"event", "socket", "jwt", "room", "namespace", "cluster"}, family)
}
