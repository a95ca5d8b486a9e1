package hub

import "github.com/caddy-socketio/caddy-socketio/internal/spawn"

// startEventLoop starts the goroutine that handles the events of the inbox. It ends when
// the inbox is empty.
func (s *Socket) startEventLoop() {
	s.client.beginRunning()
	spawn.Go(s.ns.hub.log(), "socket events", s.handleEvents, nil)
}

// handleEvents handles events until the inbox is empty.
func (s *Socket) handleEvents() {
	defer s.client.endRunning()
	spawn.GrowStack[spawn.Stack4K]() // for the handlers
	for s.handleNextEvent() {
	}
}

// handleNextEvent handles the first event of the inbox. It reports false if there is none.
func (s *Socket) handleNextEvent() bool {
	ev, ok := s.inbox.pop()
	if ok {
		var r *rule
		if ev.Type == ClientEvent {
			r = s.ns.rules.Load().ruleFor(ev)
		}
		s.handleProtected(ev, r)
		s.releaseEvent(ev)
	}
	return ok
}

// handleProtected is handleEvent, see [Socket.callProtected] for panics.
func (s *Socket) handleProtected(ev *Event, r *rule) {
	defer func() {
		if value := recover(); value != nil {
			spawn.LogPanic(s.ns.hub.log(), "socket events", value, func() { s.closeAfterPanic(ev) })
		}
	}()
	s.handleEvent(ev, r)
}

// handleEvent handles one event by its type. r is the rule of a client's event, nil without
// one.
func (s *Socket) handleEvent(ev *Event, r *rule) {
	switch ev.Type {
	case Connect:
		s.handleConnect(ev)
	case ClientEvent:
		if s.disconnectedByServer.Load() || s.grace.ctx.hasEnded() {
			return
		}
		if s.state.Load() >= stateDisconnecting {
			s.grace.beginEvent()
		}
		ev.noteInboxWait()
		if err := s.ns.callRule(r, ev); err != nil {
			s.ns.hub.logEvent("event failed", ev, err)
			ev.ackError(clientErrorOf(err).Message)
		}
	case Disconnecting:
		s.handleDisconnect(ev)
	}
}

// noteInboxWait counts how long the event of a client waited for its handlers. One that is
// handled in place did not wait.
func (ev *Event) noteInboxWait() {
	var waited int64
	if !ev.inPlace {
		waited = readClock() - ev.arrived
	}
	ev.Socket.ns.counts.Load().inboxWaits.Observe(waited)
}

// callProtected calls fn. If fn panics, the client's connection is closed, and the event
// loop continues.
func (s *Socket) callProtected(ev *Event, fn func()) {
	spawn.Call(s.ns.hub.log(), "socket events", fn, func() { s.closeAfterPanic(ev) })
}

// closeAfterPanic closes the connection of an event of which a handler has panicked.
func (s *Socket) closeAfterPanic(ev *Event) {
	s.ns.hub.stats.panics.Add(1)
	s.ns.hub.logEvent("connection closed: a handler of the event panicked", ev, errPanicked)
	s.client.session.CloseFor(ReasonForced, "a handler of the event "+shortenText(ev.Name)+" panicked")
}
