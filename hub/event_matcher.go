package hub

import "github.com/caddy-socketio/caddy-socketio/internal/glob"

// eventMatcher is the events that a rule or a listener handles. Events of the life of a
// socket or a room are named in full; globs match clients' events only.
type eventMatcher []glob.Glob

func newEventMatcher(events ...string) eventMatcher {
	m := make(eventMatcher, len(events))
	for i, event := range events {
		m[i] = glob.New(event)
	}
	return m
}

// matchEvent reports whether an event is one of the matcher's.
func (m eventMatcher) matchEvent(ev *Event) bool {
	for _, g := range m {
		if ev.Type == ClientEvent && !(g.IsPlain() && isLifecycleEvent(g.String())) {
			if g.Match(ev.Name) {
				return true
			}
		} else if g.IsPlain() && g.String() == string(ev.Type) {
			return true
		}
	}
	return false
}

// isLifecycleEvent reports whether a name is the one of an event in the life of a socket
// or a room.
func isLifecycleEvent(name string) bool {
	switch EventType(name) {
	case Connect, Disconnecting, Disconnect, RoomOccupied, RoomVacated:
		return true
	}
	return false
}
