package hub

import (
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// startEventLoop starts the inbox's runner. It ends when the inbox is empty.
func (s *Socket) startEventLoop() { spawn.Go(s.ns.hub.log(), "socket events", s.handleEvents, nil) }

func (s *Socket) handleEvents() {
	spawn.GrowStack[spawn.Stack4K]() // for the handlers
	for s.handleNextEvent() {
	}
}

// handleNextEvent handles the first event of the inbox, if there is one.
func (s *Socket) handleNextEvent() bool {
	ev, ok := s.inbox.pop()
	if ok {
		s.callProtected(ev, func() { s.handleEvent(ev) })
	}
	return ok
}

func (s *Socket) handleEvent(ev *Event) {
	switch ev.Type {
	case Connect:
		s.connect(ev)
	case ClientEvent:
		if s.kicked.Load() || s.lingering.isOver() {
			return
		}
		if s.state.Load() >= stateDisconnecting {
			s.lingering.begin()
		}
		if err := s.ns.callHandlers(ev); err != nil {
			s.ns.hub.logEvent("event failed", ev, err)
			ev.ackError(clientErrorOf(err).Message)
		}
	case Disconnecting:
		s.disconnect(ev)
	}
}

// callProtected calls fn; when it panics, the client's connection is closed and the
// socket's life goes on to its end.
func (s *Socket) callProtected(ev *Event, fn func()) {
	spawn.Call(s.ns.hub.log(), "socket events", fn, func() {
		s.ns.hub.stats.panics.Add(1)
		s.ns.hub.logEvent("connection closed: a handler of the event panicked", ev, errPanicked)
		s.client.session.Close(ReasonForced)
	})
}
