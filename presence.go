package socketio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
)

// Presence configures rooms that have members: the list of the members of a room, and
// events when one joins or leaves. Sockets with the same key are one member. In a cluster
// a room has the members of all nodes.
type Presence struct {
	// Rooms are names and globs of rooms. A star matches any text.
	Rooms []string `json:"rooms"`
	// Key identifies a member, with placeholders of the socket and its connection. A
	// socket is no member if a placeholder has no value, or if the key has control
	// characters or more than 256 bytes. Default: {socket.id}.
	Key string `json:"key,omitempty"`
	// Data are keys of the socket's data that members see, with at most 4 KB as JSON.
	// Default: none.
	Data []string `json:"data,omitempty"`
	// Join is the event that the other members get when a member joins. Its arguments
	// are {"key": KEY, "data": {…}} and the name of the room. Default: no event.
	Join string `json:"join,omitempty"`
	// Leave is the event that the other members get when a member leaves, with the same
	// arguments. Default: no event.
	Leave string `json:"leave,omitempty"`
	// Grace is how long a member may be absent. If it returns within that time, as after
	// a reload of the page, it neither left nor joined. 0 means not at all. Default: 5s.
	Grace *caddy.Duration `json:"grace,omitempty"`
}

const (
	defaultGrace = 5 * time.Second
	maxGrace     = time.Hour
)

// compile checks the presence, and returns it for the hub.
func (p *Presence) compile() (compiled hub.Presence, err error) {
	if p == nil {
		return compiled, errors.New("unexpected null: expected rooms")
	}
	if len(p.Rooms) == 0 || slices.Contains(p.Rooms, "") {
		return compiled, errors.New("rooms: expected names or globs of rooms")
	}
	if slices.Contains(p.Data, "") {
		return compiled, errors.New("data: expected keys of the socket's data, got an empty one")
	}
	for option, event := range map[string]string{"join": p.Join, "leave": p.Leave} {
		if err := hub.CheckEvent(event); err != nil {
			return compiled, fmt.Errorf("%s: %w", option, err)
		}
	}
	grace := defaultGrace
	if p.Grace != nil {
		grace = time.Duration(*p.Grace)
	}
	if grace < 0 || grace > maxGrace {
		return compiled, fmt.Errorf("grace: unexpected %s: expected a duration from 0s to %s, like 5s", grace, maxGrace)
	}
	compiled = hub.Presence{Rooms: p.Rooms, Data: p.Data, Join: p.Join, Leave: p.Leave, Grace: grace}
	compiled.Key, err = compileMemberKey(p.Key)
	return compiled, err
}

// compileMemberKey returns the function that reads the key of a socket, nil for its id.
func compileMemberKey(key string) (func(*hub.Socket) string, error) {
	if key == "" || key == "{socket.id}" {
		return nil, nil
	}
	text, err := placeholder.NewText(key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if _, fixed := text.Literal(); fixed {
		return nil, fmt.Errorf("key: unexpected %q: expected a placeholder, like {jwt.sub}: otherwise all sockets are one member", key)
	}
	for _, name := range text.Keys() {
		if family, _, _ := strings.Cut(name, "."); text.ReadsCounts() || family == "event" || name == "socket.rooms" {
			return nil, fmt.Errorf("key: unexpected {%s}: expected placeholders of the socket and its connection, like {jwt.sub} or {socket.data.name}", name)
		}
	}
	return func(s *hub.Socket) string {
		name, complete, err := text.Name(&hub.Event{Socket: s})
		if err != nil || !complete {
			return ""
		}
		return name
	}, nil
}
