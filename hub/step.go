package hub

// CountReader is a [Handler] whose config may read the number of sockets in a room or in
// the namespace. A rule with such a handler runs consecutive [Immediate] handlers as one
// uninterrupted step: no other such step of the namespace runs meanwhile. So sockets that
// join at once announce 1, 2, 3 and so on, each number once and in order, as in Node.js,
// where a callback is not interrupted.
//
// A step includes the change of rooms that belongs to the event. On connect, emits that
// read a count are made in the step in which the socket joins its rooms. On disconnect,
// the first Immediate handlers are in the step in which the socket leaves its rooms.
type CountReader interface {
	Handler
	// ReadsCounts reports whether the handler reads a count. It is called once, when the
	// handler's config comes into use.
	ReadsCounts() bool
}

// BeginStep begins the uninterrupted step of an event whose rule reads counts, see
// [CountReader]. A handler that waits, for an HTTP response say, calls it after the wait:
// its changes of rooms and the Immediate handlers behind it are one step then. It must not
// wait any longer, unless it calls [Event.EndStep] before, between the replies of a stream. For other rules, and within a
// step, BeginStep does nothing.
func (ev *Event) BeginStep() {
	if ev.readsCounts && !ev.inStep {
		ev.Namespace().stepMu.Lock()
		ev.inStep = true
	}
}

// EndStep ends the uninterrupted step of an event, if it is in one.
func (ev *Event) EndStep() {
	if ev.inStep {
		ev.inStep = false
		ev.Namespace().stepMu.Unlock()
	}
}

// WhenConnected calls fn and returns its error. While the connect event is handled, it
// returns nil, and fn is called after the reply to the connect packet was sent, in order
// with the emits of the event, with the socket in its rooms. Its error is logged then.
// After a connect error fn is not called.
func (ev *Event) WhenConnected(fn func() error) error {
	if ev.Type != Connect {
		return fn()
	}
	ev.Socket.whenConnected(func() {
		if err := fn(); err != nil {
			ev.Socket.ns.hub.logEvent("event failed", ev, err)
		}
	})
	return nil
}

// RoomSize returns the number of sockets of this node in a room. While the connect event
// is handled, its socket counts for the rooms that it is going to be in.
func (ev *Event) RoomSize(room string) int {
	n := ev.Namespace().index.Size(room)
	if ev.Type == Connect && ev.Socket.isGoingToJoin(room) {
		n++
	}
	return n
}

// NamespaceSize returns the number of the namespace's sockets on this node. While the
// connect event is handled, its socket counts.
func (ev *Event) NamespaceSize() int {
	n := ev.Namespace().index.Len()
	if ev.Type == Connect && ev.Socket.isGoingToJoin(ev.Socket.id) {
		n++
	}
	return n
}

// isGoingToJoin reports whether a socket whose connect event is handled is not in a room
// yet, and is in it when it is accepted.
func (s *Socket) isGoingToJoin(room string) bool {
	s.mu.Lock()
	going := s.admission != nil && s.admission.hasRoom(room, s.id)
	s.mu.Unlock() // a join of the index may wait for it
	return going && !s.ns.index.Has(s, room)
}
