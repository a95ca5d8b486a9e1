package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"go.uber.org/zap"
)

// Why sockets disconnect, in the words of Socket.IO's server.
const (
	ReasonClientDisconnect = "client namespace disconnect"
	ReasonServerDisconnect = "server namespace disconnect"
	ReasonShutdown         = "server shutting down"
	ReasonForcedServer     = "forced server close"
	ReasonForced           = "forced close"
)

// startLifecycle begins the socket's life with its connect event.
func (s *Socket) startLifecycle() {
	s.inbox.push(&Event{Type: Connect, Name: string(Connect), Socket: s, Args: noArgs}, nil)
	if s.ns.hasNoConnectHandler() && s.client.session.Version() == eio.V3 {
		// Nothing is asked of it, so it is accepted at once: a 2.x client then
		// finds its connect packet in the answer to its handshake.
		s.handleNextEvent()
	}
	s.startEventLoop() // after that step, for what has come meanwhile
}

// handleConnect handles the connect event and answers the client.
func (s *Socket) handleConnect(ev *Event) {
	err := errPanicked
	if s.callProtected(ev, func() { err = s.callConnectHandlers(ev) }); err == nil && s.completeConnect() {
		return
	}
	waiting := s.state.CompareAndSwap(stateConnecting, stateDisconnected)
	s.saveUnaccepted()
	s.client.removeSocket(s)
	s.finishLifecycle()
	if err == nil || !waiting {
		return // the client has gone away meanwhile
	}
	s.ns.counts.Load().refused.Add(1)
	if s.ns.hub.logEvent("connect refused", ev, err); isOutage(err) {
		s.client.session.Close(ReasonForced)
		return
	}
	s.client.sendConnectError(s.ns.name, clientErrorOf(err))
}

// callConnectHandlers returns an error unless the client may have the socket, as the one that it
// had or as a new one.
func (s *Socket) callConnectHandlers(ev *Event) error {
	if err := s.recoverSocket(ev); err != nil {
		return err
	}
	if s.admitted {
		return s.ns.callGates(ev) // it was connected already
	}
	return s.ns.callHandlers(ev)
}

// completeConnect puts the socket into its rooms, then tells the client, then does what
// waited for that. It reports false when the client has gone away.
func (s *Socket) completeConnect() bool {
	s.mu.Lock()
	opening := s.state.CompareAndSwap(stateConnecting, stateJoining)
	rooms := s.admission.rooms
	s.mu.Unlock()
	if !opening {
		return false
	}
	s.ns.index.Add(s, s.id)
	_ = s.ns.index.Join(s, rooms...) // their number was checked as they came
	s.ns.counts.Load().connected.Add(1)
	if !s.restored { // what a restored socket missed comes before other changes of its rooms
		s.applyRoomChanges()
	}

	if s.restored {
		s.sendReplay()
	} else {
		s.client.session.Send(encodeConnectPacket(s))
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
	return true
}

// startDisconnect ends the socket, once: whoever brings the reason first. What is left to
// do waits in the inbox behind what the client had sent. It reports whether it ended
// a socket whose client knew that it is connected.
func (s *Socket) startDisconnect(reason string) (live bool) {
	for {
		state := s.state.Load()
		if state >= stateDisconnecting {
			return false
		}
		live = state == stateConnected
		next := stateDisconnecting
		if state == stateConnecting {
			next = stateDisconnected // it never was; connect finds out and tidies up
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

// handleDisconnect handles the end: disconnecting in its rooms, disconnect without.
func (s *Socket) handleDisconnect(ev *Event) {
	s.callProtected(ev, func() { s.callDisconnectHandlers(ev) })
	s.ns.index.Remove(s)
	s.state.Store(stateDisconnected)
	last := &Event{Type: Disconnect, Name: string(Disconnect), Socket: s, Args: noArgs, Reason: ev.Reason}
	s.callProtected(last, func() { s.callDisconnectHandlers(last) })
	s.ns.counts.Load().disconnected.Add(1)
	s.ns.hub.log().Info("socket disconnected", append(s.logFields(), zap.String("reason", ev.Reason))...)
	s.finishLifecycle()
}

func (s *Socket) callDisconnectHandlers(ev *Event) {
	if err := s.ns.callHandlers(ev); err != nil {
		s.ns.hub.logEvent("event failed", ev, err)
	}
}

// finishLifecycle lets go of everything.
func (s *Socket) finishLifecycle() {
	close(s.done)
	s.grace.endContext()
	if s.pid != "" {
		s.ns.pids.removeSocket(s.pid, s)
	}
	s.client.endLifecycle()
	s.ns.hub.removeUser(s.ns)
}

// disconnectStarted returns a channel that is closed when the socket takes no more packets,
// which is before its disconnecting event is handled.
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

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
