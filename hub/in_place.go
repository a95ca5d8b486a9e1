package hub

// handleInPlace handles an event of the client on the goroutine that has read it, and
// reports whether it did: no handler of the event may wait, and no event of the socket
// waits or is handled before it. Otherwise the event goes through the inbox, so that the
// reader never waits for a handler. Receive calls it.
//
// The socket's events stay in order: until the event is handled, others are queued behind
// it, the disconnecting event too.
func (s *Socket) handleInPlace(ev *Event) bool {
	r := s.ns.rules.Load().ruleFor(ev)
	if r == nil || r.mayWait || r.of.useMayWait || s.ns.mayEmitWait() || s.ns.hasWaitingListener(ev) {
		return false
	}
	return s.runInPlace(ev, r)
}

// connectInPlace handles the connect event as handleInPlace does, and reports whether it did.
// A client of Socket.IO 2 gets its connect packet in the response to its handshake then. Lost
// sockets may have to be awaited, so routes with recovery use the inbox.
func (s *Socket) connectInPlace(ev *Event) bool {
	r := s.ns.rules.Load().ruleFor(ev)
	if r != nil && (r.mayWait || s.ns.mayEmitWait()) || s.ns.hasWaitingListener(ev) || s.hasRecovery() {
		return false
	}
	return s.runInPlace(ev, r)
}

// runInPlace handles an event, unless another one of the socket is handled or waits.
func (s *Socket) runInPlace(ev *Event, r *rule) bool {
	if !s.inbox.beginInPlace() {
		return false
	}
	ev.inPlace = true
	s.handleProtected(ev, r)
	s.releaseEvent(ev)
	if s.inbox.endInPlace() {
		s.startEventLoop()
	}
	return true
}

// mayEmitWait reports whether emits may wait for their offset in a shared recovery log.
func (ns *Namespace) mayEmitWait() bool {
	return ns.hub.recovery.Load() != 0 && ns.link.Load().sharesLog
}

// hasWaitingListener reports whether a Go program has a handler of the event that may wait.
func (ns *Namespace) hasWaitingListener(ev *Event) bool {
	all := ns.listeners.Load()
	if all == nil {
		return false
	}
	for _, l := range *all {
		if mayWait(l.handler.Handler) && l.events.matchEvent(ev) {
			return true
		}
	}
	return false
}
