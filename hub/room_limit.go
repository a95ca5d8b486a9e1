package hub

import (
	"cmp"
	"slices"
)

// JoinUpTo is [Event.Join] for rooms that may have at most limit sockets of this node,
// the event's socket included. The check and the join are one operation: of two sockets
// that join at once, one gets the last place. The error says that a room is full; then the
// socket joins none. A socket that is in a room keeps its place.
//
// On connect the places are taken after all handlers, and the error becomes a connect
// error.
func (ev *Event) JoinUpTo(limit int, rooms ...string) error {
	return ev.joinWith(limit, false, rooms)
}

// joinWith is JoinUpTo, without a limit if limit is 0. With history, the socket gets the kept
// events of the rooms.
func (ev *Event) joinWith(limit int, history bool, rooms []string) error {
	if err := cmp.Or(CheckRooms(rooms), ev.CheckJoin(rooms...)); err != nil {
		return err
	}
	return ev.Socket.joinWith(limit, history, rooms)
}

// roomLimit is the number of sockets that rooms may have when a socket joins them.
type roomLimit struct {
	rooms []string
	limit int
}

// takePlaces makes a socket whose connect handlers accept it join its rooms with a limit.
// It is in no other room yet. Events of these rooms are held for it. After an error it is in
// no room.
func (s *Socket) takePlaces() error {
	s.mu.Lock()
	limits, own, joined := s.admission.limits, s.id, s.historySender(s.admission.historyRooms)
	for i := range limits {
		limits[i].rooms = slices.DeleteFunc(limits[i].rooms, func(room string) bool { return !s.admission.hasRoom(room, own) })
	}
	s.admission.placed = len(limits) > 0
	s.mu.Unlock()
	if len(limits) == 0 {
		return nil
	}
	s.ns.index.Add(s, own)
	for _, l := range limits {
		if err := s.ns.index.JoinFunc(l.limit, joined, s, l.rooms...); err != nil {
			s.ns.removeFromRooms(s)
			return err
		}
	}
	return nil
}
