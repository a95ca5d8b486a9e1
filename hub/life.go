package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/sio"
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

// openingMessages bounds what is kept for a socket between the joining of its
// rooms and the answer to its client: an instant.
const openingMessages = 4096

// start begins the socket's life with its connect event.
func (s *Socket) start() {
	s.inbox.push(&Event{Type: Connect, Name: string(Connect), Socket: s, Args: noArgs}, nil)
	if s.ns.plain() && s.client.session.Version() == eio.V3 {
		// Nothing is asked of it, so it is accepted at once: a 2.x client then
		// finds its connect packet in the answer to its handshake.
		s.step()
	}
	s.run() // after that step, for what has come meanwhile
}

// run starts the inbox's runner. It ends when the inbox is empty.
func (s *Socket) run() { spawn.Go(s.ns.hub.log(), "socket events", s.drain, nil) }

func (s *Socket) drain() {
	growStack(len(s.id))
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

// growStack makes the stack of a goroutine that has just begun as large as handlers
// need it, at once: to double it deep down in their calls costs as much as all that
// a short one of them does.
//
//go:noinline
func growStack(i int) byte {
	var room [stackSize]byte
	return room[i%stackSize] // so that it is there
}

const stackSize = 4 << 10

// protect calls fn; when it panics, the client's connection is closed and the
// socket's life goes on to its end.
func (s *Socket) protect(ev *Event, fn func()) {
	spawn.Call(s.ns.hub.log(), "socket events", fn, func() {
		s.ns.hub.stats.panics.Add(1)
		s.ns.hub.logEvent("connection closed: a handler of the event panicked", ev, errPanicked)
		s.client.session.Close(ReasonForced)
	})
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

// connect handles the connect event and answers the client.
func (s *Socket) connect(ev *Event) {
	err := errPanicked
	defer s.ns.history.endRestoring(s)
	if s.protect(ev, func() { err = s.admit(ev) }); err == nil && s.accept() {
		return
	}
	waiting := s.state.CompareAndSwap(stateConnecting, stateGone)
	s.saveUnaccepted()
	s.client.forget(s)
	s.end()
	if err == nil || !waiting {
		return // the client has gone away meanwhile
	}
	s.ns.counts.Load().refused.Add(1)
	if s.ns.hub.logEvent("connect refused", ev, err); isOutage(err) {
		s.client.session.Close(ReasonForced)
		return
	}
	s.client.refuse(s.ns.name, clientErrorOf(err))
}

// admit returns an error unless the client may have the socket, as the one that it
// had or as a new one.
func (s *Socket) admit(ev *Event) error {
	if err := s.comeBack(ev); err != nil {
		return err
	}
	if s.admitted {
		return s.ns.guard(ev) // it was connected already
	}
	return s.ns.handle(ev)
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

	if r := s.ns.recorder(); s.restored && r != nil {
		s.sendMissedShared(r)
	} else if s.restored {
		s.sendMissed()
	} else {
		s.client.session.Send(connectPacket(s))
	}
	s.mu.Lock()
	waiting := s.opening
	s.opening = nil
	for _, d := range waiting.messages {
		if !s.has(d.offset) && s.client.session.Send(d.message) {
			s.addMark(d.mark)
		}
	}
	s.state.CompareAndSwap(stateOpening, stateLive) // or it is disconnecting already
	s.mu.Unlock()

	s.client.joined(s)
	for _, do := range slices.Concat(waiting.moves, waiting.deferred) {
		do()
	}
	if !s.ns.hub.holds(s) {
		s.Disconnect(false) // a new config came meanwhile
	}
	return true
}

// deliver queues an encoded event for the client, and reports whether it did.
func (s *Socket) deliver(d delivery) bool {
	switch s.state.Load() {
	case stateLive:
		return s.send(d)
	case stateOpening:
		return s.deliverOpening(d)
	}
	return false
}

func (s *Socket) send(d delivery) bool {
	switch {
	case s.has(d.offset):
		return true
	case d.volatile:
		return s.client.session.SendVolatile(d.message)
	case d.mark != "":
		return s.sendMarked(d)
	}
	return s.client.session.Send(d.message)
}

func (s *Socket) deliverOpening(d delivery) bool {
	s.mu.Lock()
	if s.opening == nil {
		s.mu.Unlock()
		return s.send(d)
	}
	defer s.mu.Unlock()
	if d.recorded && d.offset == "" && s.restored && !s.opening.replayed {
		return true // it comes with what else was missed
	}
	if d.volatile || len(s.opening.messages) >= openingMessages {
		return false
	}
	s.opening.messages = append(s.opening.messages, d)
	return true
}

// sendPacket encodes a packet for this socket alone and queues it. The error
// says that it can't be encoded, or that the socket is gone.
func (s *Socket) sendPacket(p sio.Packet) error {
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		return err
	}
	if !s.deliver(delivery{message: m}) {
		return ErrDisconnected
	}
	return nil
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
		s.client.forget(s)
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
		s.ns.history.save(s, recoverable(reason))
	}
	last := &Event{Type: Disconnecting, Name: string(Disconnecting), Socket: s, Args: noArgs, Reason: reason}
	if s.inbox.pushLast(last) {
		s.run()
	} else {
		s.lingering.begin()
	}
	return live
}

// disconnect handles the end: disconnecting in its rooms, disconnect without.
func (s *Socket) disconnect(ev *Event) {
	s.protect(ev, func() { s.finish(ev) })
	s.ns.index.Remove(s)
	s.state.Store(stateGone)
	last := &Event{Type: Disconnect, Name: string(Disconnect), Socket: s, Args: noArgs, Reason: ev.Reason}
	s.protect(last, func() { s.finish(last) })
	s.ns.counts.Load().disconnected.Add(1)
	s.ns.hub.log().Info("socket disconnected", append(s.logFields(), zap.String("reason", ev.Reason))...)
	s.end()
}

// end lets go of everything.
func (s *Socket) end() {
	close(s.done)
	s.lingering.end()
	if s.pid != "" {
		s.ns.history.drop(s)
	}
	s.client.ended()
	s.ns.hub.leave(s.ns)
}

func (s *Socket) finish(ev *Event) {
	if err := s.ns.handle(ev); err != nil {
		s.ns.hub.logEvent("event failed", ev, err)
	}
}
