package socketio

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
)

// History configures which events of some rooms a namespace keeps for sockets that join.
type History struct {
	// Rooms are names and globs of rooms. A star matches any text.
	Rooms []string `json:"rooms"`
	// Events are names and globs of the events that are kept. A star matches any text.
	// Default: all events.
	Events []string `json:"events,omitempty"`
	// Keep is how many events of each room are kept, from 1 to 1000. Default: 20.
	Keep int `json:"keep,omitempty"`
	// For is how long an event is kept. Default: 1h.
	For caddy.Duration `json:"for,omitempty"`
}

// provisionHistory checks the entries of history, and adds them to the compiled config.
func (ns *Namespace) provisionHistory() error {
	for i, h := range ns.History {
		if h == nil {
			return fmt.Errorf("history: entry %d is null: expected rooms", i)
		}
		if err := h.checkValues(); err != nil {
			return err
		}
		ns.compiled.History = append(ns.compiled.History, hub.History{
			Rooms: h.Rooms, Events: h.Events, Keep: h.Keep, For: time.Duration(h.For),
		})
	}
	return nil
}

// checkValues returns an error for a value that is not possible.
func (h *History) checkValues() error {
	place := strings.TrimSpace("history " + strings.Join(h.Rooms, " "))
	switch {
	case len(h.Rooms) == 0:
		return fmt.Errorf("%s: expected names or globs of rooms", place)
	case slices.Contains(h.Rooms, ""):
		return fmt.Errorf("%s: expected names or globs of rooms, got an empty one", place)
	case h.Keep < 0 || h.Keep > hub.MaxHistory:
		return fmt.Errorf("%s: keep: unexpected %d: expected a number from 1 to %d", place, h.Keep, hub.MaxHistory)
	case h.For < 0:
		return fmt.Errorf("%s: for: unexpected %s: expected a duration above 0", place, time.Duration(h.For))
	}
	for _, name := range h.Events {
		if hub.CheckEvent(name) != nil {
			return fmt.Errorf("%s: events: no server can emit %q: expected names or globs of events that the server emits", place, name)
		}
	}
	return nil
}
