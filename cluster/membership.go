package cluster

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Membership applies the operations of a replay to the rooms and data of a lost socket.
type Membership struct {
	// Rooms are the rooms of the socket, in the order joined.
	Rooms []string
	// Data are the keys of the socket's data that operations set. Nil if none did.
	Data map[string]sio.Data
	// Disconnected is true if an operation disconnected the socket.
	Disconnected bool

	set rooms.Set
}

// NewMembership returns the membership of a socket in rooms.
func NewMembership(names []string) *Membership {
	return &Membership{Rooms: slices.Clone(names), set: rooms.NewSet(names)}
}

// Matches reports whether a target includes the socket.
func (m *Membership) Matches(t rooms.Target) bool { return t.Matches(m.set) }

// Apply applies a Join, Leave, SetData or Disconnect whose target includes the socket. Other
// operations change nothing.
func (m *Membership) Apply(op Operation) {
	switch op := op.(type) {
	case Join:
		if m.Matches(op.Target) {
			m.joinRooms(op.Rooms)
		}
	case Leave:
		if m.Matches(op.Target) {
			m.leaveRooms(op.Rooms)
		}
	case SetData:
		if m.Matches(op.Target) {
			m.setData(op.Key, op.Value)
		}
	case Disconnect:
		m.Disconnected = m.Disconnected || m.Matches(op.Target)
	}
}

func (m *Membership) joinRooms(names []string) {
	for _, name := range names {
		if _, in := m.set[name]; !in {
			m.set[name] = struct{}{}
			m.Rooms = append(m.Rooms, name)
		}
	}
}

func (m *Membership) setData(key string, value sio.Data) {
	if m.Data == nil {
		m.Data = make(map[string]sio.Data)
	}
	m.Data[key] = value
}

func (m *Membership) leaveRooms(names []string) {
	for _, name := range names {
		delete(m.set, name)
	}
	m.Rooms = slices.DeleteFunc(m.Rooms, func(name string) bool {
		_, in := m.set[name]
		return !in
	})
}
