package hub

import (
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// run starts the inbox's runner. It ends when the inbox is empty.
func (s *Socket) run() { spawn.Go(s.ns.hub.log(), "socket events", s.drain, nil) }

func (s *Socket) drain() {
	spawn.GrowStack[spawn.Stack4K]() // for the handlers
	for s.step() {
	}
}

// step handles the first event of the inbox, if there is one.
func (s *Socket) step() bool {
	ev, ok := s.inbox.next()
	if ok {
		s.protect(ev, func() { s.handle(ev) })
	}
	return ok
}

func (s *Socket) handle(ev *Event) {
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
		if err := s.ns.handle(ev); err != nil {
			s.ns.hub.logEvent("event failed", ev, err)
			ev.fail(clientErrorOf(err).Message)
		}
	case Disconnecting:
		s.disconnect(ev)
	}
}

// protect calls fn; when it panics, the client's connection is closed and the
// socket's life goes on to its end.
func (s *Socket) protect(ev *Event, fn func()) {
	spawn.Call(s.ns.hub.log(), "socket events", fn, func() {
		s.ns.hub.stats.panics.Add(1)
		s.ns.hub.logEvent("connection closed: a handler of the event panicked", ev, errPanicked)
		s.client.session.Close(ReasonForced)
	})
}
