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

// start begins the socket's life with its connect event.
func (s *Socket) start() {
	s.inbox.push(&Event{Type: Connect, Name: string(Connect), Socket: s, Args: noArgs}, nil)
	if s.ns.hasNoConnectHandler() && s.client.session.Version() == eio.V3 {
		// Nothing is asked of it, so it is accepted at once: a 2.x client then
		// finds its connect packet in the answer to its handshake.
		s.handleNextEvent()
	}
	s.startEventLoop() // after that step, for what has come meanwhile
}

// connect handles the connect event and answers the client.
func (s *Socket) connect(ev *Event) {
	err := errPanicked
	if s.callProtected(ev, func() { err = s.admit(ev) }); err == nil && s.accept() {
		return
	}
	waiting := s.state.CompareAndSwap(stateConnecting, stateGone)
	s.saveUnaccepted()
	s.client.removeSocket(s)
	s.end()
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

// admit returns an error unless the client may have the socket, as the one that it
// had or as a new one.
func (s *Socket) admit(ev *Event) error {
	if err := s.recoverSocket(ev); err != nil {
		return err
	}
	if s.admitted {
		return s.ns.callGates(ev) // it was connected already
	}
	return s.ns.callHandlers(ev)
}

// accept puts the socket into its rooms, then tells the client, then does what
// waited for that. It reports false when the client has gone away.
func (s *Socket) accept() bool {
	s.mu.Lock()
	opening := s.state.CompareAndSwap(stateConnecting, stateOpening)
	rooms := s.opening.rooms
	s.mu.Unlock()
	if !opening {
		return false
	}
	s.ns.index.Add(s, s.id)
	_ = s.ns.index.Join(s, rooms...) // their number was checked as they came
	s.ns.counts.Load().connected.Add(1)
	if !s.restored { // what a restored socket missed comes before other changes of its rooms
		s.applyMoves()
	}

	if s.restored {
		s.sendReplay()
	} else {
		s.client.session.Send(connectPacket(s))
	}
	s.mu.Lock()
	waiting := s.opening
	s.opening = nil
	for _, d := range waiting.messages {
		if !s.isReplayed(d.offset) && s.client.session.Send(d.message) {
			s.addMarkLocked(d.mark)
		}
	}
	s.state.CompareAndSwap(stateOpening, stateLive) // or it is disconnecting already
	s.mu.Unlock()

	s.client.markConnected(s)
	for _, do := range slices.Concat(waiting.moves, waiting.deferred) {
		do()
	}
	if !s.ns.hub.allowsSocket(s) {
		s.Disconnect(false) // a new config came meanwhile
	}
	return true
}

// close ends the socket, once: whoever brings the reason first. What is left to
// do waits in the inbox behind what the client had sent. It reports whether it ended
// a socket whose client knew that it is connected.
func (s *Socket) close(reason string) (live bool) {
	for {
		state := s.state.Load()
		if state >= stateDisconnecting {
			return false
		}
		live = state == stateLive
		next := stateDisconnecting
		if state == stateConnecting {
			next = stateGone // it never was; connect finds out and tidies up
			s.noteCloseReason(reason)
		}
		if !s.state.CompareAndSwap(state, next) {
			continue
		}
		s.client.removeSocket(s)
		if next == stateGone {
			return false
		}
		break
	}
	s.mu.Lock()
	if s.over != nil {
		close(s.over)
	}
	s.mu.Unlock()
	if s.pid != "" {
		s.saveOnClose(reason)
	}
	last := &Event{Type: Disconnecting, Name: string(Disconnecting), Socket: s, Args: noArgs, Reason: reason}
	if s.inbox.pushLast(last) {
		s.startEventLoop()
	} else {
		s.lingering.begin()
	}
	return live
}

// disconnect handles the end: disconnecting in its rooms, disconnect without.
func (s *Socket) disconnect(ev *Event) {
	s.callProtected(ev, func() { s.finish(ev) })
	s.ns.index.Remove(s)
	s.state.Store(stateGone)
	last := &Event{Type: Disconnect, Name: string(Disconnect), Socket: s, Args: noArgs, Reason: ev.Reason}
	s.callProtected(last, func() { s.finish(last) })
	s.ns.counts.Load().disconnected.Add(1)
	s.ns.hub.log().Info("socket disconnected", append(s.logFields(), zap.String("reason", ev.Reason))...)
	s.end()
}

func (s *Socket) finish(ev *Event) {
	if err := s.ns.callHandlers(ev); err != nil {
		s.ns.hub.logEvent("event failed", ev, err)
	}
}

// end lets go of everything.
func (s *Socket) end() {
	close(s.done)
	s.lingering.end()
	if s.pid != "" {
		s.ns.pids.removeSocket(s.pid, s)
	}
	s.client.endLifecycle()
	s.ns.hub.removeUser(s.ns)
}

// ending returns a channel that is closed when the socket takes no more packets,
// which is before its disconnecting event is handled.
func (s *Socket) ending() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() >= stateDisconnecting {
		return closed
	}
	if s.over == nil {
		s.over = make(chan struct{})
	}
	return s.over
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
