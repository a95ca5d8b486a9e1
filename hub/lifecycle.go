package hub

// The lifecycle of a socket. Each stage is entered once; a stage may be skipped.
//
//	stage          function                        caller                          state after
//	connect packet client.connectSocket            the connection's reader         stateConnecting
//	start          Socket.startLifecycle           client.connectSocket            stateConnecting
//	connect event  Socket.handleConnect            the event loop, or in place     stateConnecting
//	recovery       Socket.recoverSocket            Socket.callConnectHandlers      stateConnecting
//	handlers       Socket.callConnectHandlers      Socket.handleConnect            stateConnecting
//	accepted       Socket.completeConnect          Socket.handleConnect            stateJoining, stateConnected
//	connect error  Socket.refuseConnect            Socket.handleConnect, a timer   stateDisconnected
//	events         Socket.handleEvent              the event loop                  stateConnected
//	begin of end   Socket.startDisconnect          client.Closed, a disconnect     stateDisconnecting
//	                                               packet, Socket.Disconnect,
//	                                               Namespace.closeStale
//	disconnecting  Socket.handleDisconnect         the event loop                  stateDisconnecting
//	disconnect     Socket.handleDisconnect         the event loop                  stateDisconnected
//	end            Socket.finishLifecycle          Socket.handleDisconnect,        stateDisconnected
//	                                               Socket.refuseConnect
//
// A socket that disconnects while it is connecting goes to stateDisconnected at once:
// handleConnect notices that after the connect handlers, and ends the lifecycle. No
// disconnecting event is handled then.

import "slices"

// Reasons of disconnects, in the words of Socket.IO's server.
const (
	ReasonClientDisconnect = "client namespace disconnect"
	ReasonServerDisconnect = "server namespace disconnect"
	ReasonShutdown         = "server shutting down"
	ReasonForcedServer     = "forced server close"
	ReasonForced           = "forced close"
)

// startLifecycle begins the socket's lifecycle with its connect event.
func (s *Socket) startLifecycle() {
	ev := &Event{Type: Connect, Name: string(Connect), Socket: s, Args: noArgs}
	if !s.connectInPlace(ev) && s.inbox.push(ev, nil) {
		s.startEventLoop()
	}
}

// handleConnect handles the connect event, and sends the reply or a connect error.
func (s *Socket) handleConnect(ev *Event) {
	err := errPanicked
	s.callProtected(ev, func() { err = s.callConnectHandlers(ev) })
	if err == nil {
		if err = s.completeConnect(ev); err == nil {
			return
		}
	}
	s.refuseLater(s.noteAttempt(err), ev, err)
}

// refuseConnect ends the lifecycle of a socket that is not accepted, and sends the connect
// error. After an [Outage] it closes the connection.
func (s *Socket) refuseConnect(ev *Event, err error) {
	waiting := s.state.CompareAndSwap(stateConnecting, stateDisconnected)
	s.saveUnaccepted()
	s.client.removeSocket(s)
	s.finishLifecycle()
	if !waiting {
		return // the client has disconnected meanwhile
	}
	s.ns.counts.Load().refused.Add(1)
	if s.ns.hub.logEvent("connect error", ev, err); isOutage(err) {
		s.client.observeRefusal(s.ns.name, clientErrorOf(err).Message)
		s.client.session.CloseFor(ReasonForced, "a handler of connect failed temporarily: "+shortenText(err.Error()))
		return
	}
	s.client.sendConnectError(s.ns.name, clientErrorOf(err))
}

// callConnectHandlers recovers the client's lost socket, if there is one, and calls the
// handlers of the connect event. An error refuses the client.
func (s *Socket) callConnectHandlers(ev *Event) error {
	if err := s.checkFailures(); err != nil {
		return err
	}
	if err := s.recoverSocket(ev); err != nil {
		return err
	}
	if s.admitted {
		return s.ns.callGates(ev) // it was connected already
	}
	return s.ns.callHandlers(ev)
}

// completeConnect puts the socket into its rooms, then sends the reply to the connect
// packet, then runs the emits that waited for it. The error refuses the client: a room is
// full, or the socket has disconnected meanwhile.
func (s *Socket) completeConnect(ev *Event) error {
	defer ev.EndStep()
	if !s.restored { // the replay of a restored socket may wait for the cluster
		ev.BeginStep()
	}
	s.mu.Lock()
	names := s.admission.rooms
	s.mu.Unlock()
	if err := s.checkRoomMemory(names); err != nil {
		return err
	}
	if err := s.takePlaces(); err != nil {
		return err
	}
	s.mu.Lock()
	opening := s.state.CompareAndSwap(stateConnecting, stateJoining)
	rooms, joined := s.admission.rooms, s.historySender(s.admission.historyRooms)
	s.mu.Unlock()
	if !opening {
		s.ns.removeFromRooms(s)
		return ErrDisconnected
	}
	s.ns.otherIDs.addSocket(s)
	s.ns.index.Add(s, s.id)
	_ = s.ns.index.JoinFunc(0, joined, s, rooms...) // their number was checked as they came
	s.chargeRooms()
	s.ns.trackRooms(s, rooms)
	s.ns.counts.Load().connected.Add(1)
	s.ns.hub.observe(Observation{Kind: SocketConnected, Socket: s})
	if !s.restored { // a restored socket gets its replay before its rooms change
		s.applyRoomChanges()
	}

	if s.restored {
		s.sendReplay()
		s.ns.trackValues(s) // the replay may have changed them
		ev.BeginStep()
	} else {
		s.sendConnectPacket(ev)
	}
	s.mu.Lock()
	waiting := s.admission
	s.admission = nil
	for _, d := range waiting.heldDeliveries {
		if !s.isReplayed(d.offset) && s.client.session.Send(d.message) {
			s.addMarkLocked(d.mark)
		}
	}
	s.state.CompareAndSwap(stateJoining, stateConnected) // or it is disconnecting already
	s.mu.Unlock()

	s.client.markConnected(s)
	for _, do := range slices.Concat(waiting.roomChanges, waiting.deferred) {
		do()
	}
	if !s.ns.hub.allowsSocket(s) {
		s.Disconnect(false) // a new config came meanwhile
	}
	return nil
}

// sendConnectPacket sends the reply to the connect packet.
func (s *Socket) sendConnectPacket(ev *Event) {
	if m := encodeConnectPacket(s); ev.inPlace {
		s.client.session.SendReply(m)
	} else {
		s.client.session.Send(m)
	}
}

// startDisconnect begins the disconnect of the socket. The first reason applies; later calls
// do nothing. The disconnecting event waits in the inbox behind the events that the client
// sent. It reports whether the socket was connected.
func (s *Socket) startDisconnect(reason string) (live bool) {
	for {
		state := s.state.Load()
		if state >= stateDisconnecting {
			return false
		}
		live = state == stateConnected
		next := stateDisconnecting
		if state == stateConnecting {
			next = stateDisconnected // handleConnect notices, and ends the lifecycle
			s.noteCloseReason(reason)
		}
		if !s.state.CompareAndSwap(state, next) {
			continue
		}
		s.client.removeSocket(s)
		if next == stateDisconnected {
			return false
		}
		break
	}
	s.mu.Lock()
	if s.disconnectStart != nil {
		close(s.disconnectStart)
	}
	s.mu.Unlock()
	if s.pid != "" {
		s.saveOnClose(reason)
	}
	last := &Event{Type: Disconnecting, Name: string(Disconnecting), Socket: s, Args: noArgs, Reason: reason}
	if s.inbox.pushLast(last) {
		s.startEventLoop()
	} else {
		s.grace.beginEvent()
	}
	return live
}

// handleDisconnect handles the disconnecting event, removes the socket from its rooms, and
// handles the disconnect event.
func (s *Socket) handleDisconnect(ev *Event) {
	s.callProtected(ev, func() { s.callDisconnectHandlers(s.ns.rules.Load().ruleFor(ev), ev) })
	rooms := s.roomsForLog()
	last := &Event{Type: Disconnect, Name: string(Disconnect), Socket: s, Args: noArgs, Reason: ev.Reason}
	rule := s.ns.rules.Load().ruleFor(last)
	if rule != nil && rule.readsCounts {
		last.readsCounts = true
		last.BeginStep()
	}
	s.callProtected(last, func() {
		defer last.EndStep()
		s.ns.removeFromRooms(s)
		s.ns.otherIDs.removeSocket(s)
		s.state.Store(stateDisconnected)
		s.callDisconnectHandlers(rule, last)
	})
	s.ns.counts.Load().disconnected.Add(1)
	s.recordClose(ev.Reason)
	s.ns.hub.observe(Observation{Kind: SocketDisconnected, Socket: s, Reason: ev.Reason})
	s.logDisconnect(ev.Reason, rooms)
	s.finishLifecycle()
}

// callDisconnectHandlers calls the handlers of a disconnecting or disconnect event, which
// has a rule unless that is nil.
func (s *Socket) callDisconnectHandlers(rule *rule, ev *Event) {
	if err := s.ns.callRule(rule, ev); err != nil {
		s.ns.hub.logEvent("event failed", ev, err)
	}
}

// finishLifecycle releases the socket: its context, its pid, its places in the connection
// and the namespace.
func (s *Socket) finishLifecycle() {
	s.closeDone()
	s.grace.endContext()
	if s.pid != "" {
		s.ns.pids.removeSocket(s.pid, s)
	}
	s.client.endLifecycle()
	s.releaseMemory()
	s.ns.hub.removeUser(s.ns)
}

// disconnectStarted returns a channel that is closed when the socket accepts no further
// packets, which is before its disconnecting event is handled.
func (s *Socket) disconnectStarted() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() >= stateDisconnecting {
		return closedChannel
	}
	if s.disconnectStart == nil {
		s.disconnectStart = make(chan struct{})
	}
	return s.disconnectStart
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
