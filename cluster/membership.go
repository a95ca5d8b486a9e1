package cluster

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// Membership is the rooms of a lost socket as operations change them, which were done
// while it was away.
type Membership struct {
	// Rooms are the rooms that it is in, in the order joined.
	Rooms []string
	// Disconnected is true when an operation has disconnected it.
	Disconnected bool

	set rooms.Set
}

// NewMembership returns the membership of a socket in rooms.
func NewMembership(names []string) *Membership {
	return &Membership{Rooms: slices.Clone(names), set: rooms.NewSet(names)}
}

// Means reports whether the socket is of a target.
func (m *Membership) Means(t rooms.Target) bool { return t.Matches(m.set) }

// Apply does a Join, Leave or Disconnect to the socket, if it is of the operation's
// target. Other operations change nothing.
func (m *Membership) Apply(op Operation) {
	switch op := op.(type) {
	case Join:
		if m.Means(op.Target) {
			m.join(op.Rooms)
		}
	case Leave:
		if m.Means(op.Target) {
			m.leave(op.Rooms)
		}
	case Disconnect:
		m.Disconnected = m.Disconnected || m.Means(op.Target)
	}
}

func (m *Membership) join(names []string) {
	for _, name := range names {
		if _, in := m.set[name]; !in {
			m.set[name] = struct{}{}
			m.Rooms = append(m.Rooms, name)
		}
	}
}

func (m *Membership) leave(names []string) {
	for _, name := range names {
		delete(m.set, name)
	}
	m.Rooms = slices.DeleteFunc(m.Rooms, func(name string) bool {
		_, in := m.set[name]
		return !in
	})
}
