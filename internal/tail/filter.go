package tail

import (
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

// Filter selects records. The zero value selects all.
type Filter struct {
	// Namespaces are names and globs of the namespaces. Nil means all.
	Namespaces []string `json:"namespaces,omitempty"`
	// Room is the name of a room: its joins and leaves, and the events and disconnects of
	// its sockets.
	Room string `json:"room,omitempty"`
	// Socket is the id of a socket, and User the id of a user.
	Socket string `json:"socket,omitempty"`
	User   string `json:"user,omitempty"`
	// Event is a name or glob of events. Records of other kinds are left out then.
	Event string `json:"event,omitempty"`
	// Raw leaves values as they are: neither cut nor redacted.
	Raw bool `json:"raw,omitempty"`
}

// matcher applies a filter. It is used by one goroutine at a time.
type matcher struct {
	Filter
	namespaces glob.List
	event      glob.Glob
	// members are the sockets of the room, and, with false, the ones that have left it and
	// are still connected.
	members map[*hub.Socket]bool
}

func newMatcher(f Filter) *matcher {
	return &matcher{
		Filter: f, namespaces: glob.NewSegmentsList(f.Namespaces), event: glob.New(f.Event),
		members: make(map[*hub.Socket]bool),
	}
}

// addMembers adds sockets that were in the room before the first observation.
func (m *matcher) addMembers(sockets []*hub.Socket) {
	for _, s := range sockets {
		if _, known := m.members[s]; !known {
			m.members[s] = true
		}
	}
}

// match reports whether the filter selects an observation. user is the id of the socket's
// user, if the filter has one.
func (m *matcher) match(o hub.Observation, user string) bool {
	if o.Kind == hub.DataChanged || o.Kind == hub.EventSent {
		return false
	}
	inRoom := m.Room == "" || m.matchRoom(o)
	return inRoom && m.matchNamespace(o) && m.matchSocket(o, user) && m.matchEvent(o)
}

// matchRoom follows the members of the room, and reports whether the observation is about one
// of them.
func (m *matcher) matchRoom(o hub.Observation) bool {
	s := o.Socket
	switch o.Kind {
	case hub.RoomJoined, hub.RoomLeft:
		if o.Room == m.Room {
			m.members[s] = o.Kind == hub.RoomJoined
		}
		return o.Room == m.Room
	case hub.SocketDisconnected:
		_, was := m.members[s]
		delete(m.members, s)
		return was
	}
	return s != nil && m.members[s]
}

func (m *matcher) matchNamespace(o hub.Observation) bool {
	return m.Namespaces == nil || m.namespaces.Match(namespaceOf(o))
}

// matchSocket reports whether the socket and its user are selected. The room of a socket's
// own id says no more than its connect.
func (m *matcher) matchSocket(o hub.Observation, user string) bool {
	if o.Socket == nil {
		return m.Socket == "" && m.User == ""
	}
	id := o.Socket.ID()
	return o.Room != id && (m.Socket == "" || m.Socket == id) && (m.User == "" || m.User == user)
}

func (m *matcher) matchEvent(o hub.Observation) bool {
	if m.Event == "" {
		return true
	}
	name, _ := o.Data.Index(0)
	return o.Kind == hub.EventReceived && m.event.Match(name.Text())
}

func namespaceOf(o hub.Observation) string {
	if o.Socket != nil {
		return o.Socket.Namespace().Name()
	}
	return o.Namespace
}
