package hub

import "github.com/caddy-socketio/caddy-socketio/internal/glob"

// eventMatcher is the events that a rule or a listener handles. Events of the life of a
// socket or a room are named in full; globs match clients' events only.
type eventMatcher []eventPattern

// eventPattern is one of them.
type eventPattern struct {
	glob.Glob
	name        string // of a pattern without stars
	isLifecycle bool   // the name is the one of an event in the life of a socket or a room
}

func newEventMatcher(events ...string) eventMatcher {
	m := make(eventMatcher, len(events))
	for i, event := range events {
		m[i] = eventPattern{Glob: glob.New(event)}
		if m[i].IsPlain() {
			m[i].name, m[i].isLifecycle = event, isLifecycleEvent(event)
		}
	}
	return m
}

// matchEvent reports whether an event is one of the matcher's.
func (m eventMatcher) matchEvent(ev *Event) bool {
	for i := range m {
		if p := &m[i]; p.IsPlain() && p.matchName(ev) || !p.IsPlain() && ev.Type == ClientEvent && p.Match(ev.Name) {
			return true
		}
	}
	return false
}

// matchName is matchEvent for a pattern without stars.
func (p *eventPattern) matchName(ev *Event) bool {
	if ev.Type == ClientEvent && !p.isLifecycle {
		return p.name == ev.Name
	}
	return p.name == string(ev.Type)
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
