package engine

import (
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// lateUpgradePacket is how long a poll that comes during an upgrade is parked: the
// upgrade packet may have been sent before it and come after it.
const lateUpgradePacket = 10 * time.Millisecond

// polls is the polling side of a session. Session.mu guards it.
type polls struct {
	parked       *poll         // waits for a message
	upload       *transfer     // the POST under way
	replies      []*pollReply  // that are being written
	released     bool          // polls are replied to at once: the client wants to upgrade
	endsWithNoop bool          // the last reply of a closing session is a noop, not a close packet
	completed    chan struct{} // closed when the session is closed; nil if not awaited
}

// wakeParked makes the parked poll look at the session's state.
func (p *polls) wakeParked() {
	if p.parked != nil {
		p.parked.wake()
	}
}

// takeTransfers returns the transfers that a closed session aborts.
func (p *polls) takeTransfers() (all []*transfer) {
	for _, reply := range p.replies {
		all = append(all, &reply.transfer)
	}
	if p.upload != nil {
		all = append(all, p.upload)
	}
	p.replies = nil
	return all
}

// poll is a GET that waits for a message.
type poll struct {
	woken         chan struct{} // has one slot; never closed
	duringUpgrade bool          // it came after the probe's ping; static once parked
}

func (p *poll) wake() {
	select {
	case p.woken <- struct{}{}:
	default: // it is awake
	}
}

// openPolling replies to a handshake with the open packet and all that is queued.
func (x *exchange) openPolling() {
	s, refused := x.openSession()
	if refused != nil {
		x.refuse(refused)
		return
	}
	if name := x.config.Cookie; name != "" {
		x.W.Header().Add("Set-Cookie", name+"="+s.id+"; Path=/; HttpOnly; SameSite=Lax")
	}
	x.skipBody()
	s.mu.Lock()
	reply := s.beginReplyLocked(x, s.queue.takePayload())
	s.mu.Unlock()
	s.writeReply(x, reply)
}

// servePolling serves a request of a polling session: a poll or an upload.
func (x *exchange) servePolling(s *Session) {
	switch x.R.Method {
	case http.MethodGet:
		x.servePoll(s)
	case http.MethodPost:
		x.serveUpload(s)
	default:
		x.skipBody()
		x.W.Header().Set("Allow", "GET, POST")
		writeResponse(x.W, http.StatusMethodNotAllowed, "", "")
	}
}

// servePoll parks a GET and replies when there is something to send.
func (x *exchange) servePoll(s *Session) {
	x.skipBody()
	p := &x.poll
	p.woken = make(chan struct{}, 1)
	refused, overlap := s.parkPoll(p)
	switch {
	case refused != nil:
		x.refuse(refused)
		return
	case overlap:
		// The order of messages would be lost between two GETs.
		s.closeWith(ReasonTransportError, closeMode{cause: "two polls at a time"})
		writeResponse(x.W, http.StatusBadRequest, "", "")
		return
	}
	var pause <-chan time.Time
	if p.duringUpgrade {
		pause = time.After(lateUpgradePacket)
	}
	select {
	case <-p.woken:
	case <-pause:
	case <-x.Done:
	case <-x.R.Context().Done():
		s.abandonPoll()
		return
	}
	if !x.server.hold.awaitRelease(x.R.Context().Done()) {
		s.abandonPoll()
		return
	}
	reply, last := s.unparkPoll(x)
	if reply == nil {
		x.refuse(refusedRequest)
		return
	}
	s.writeReply(x, reply)
	if last {
		s.completeClose()
	}
}

// parkPoll makes a GET the parked poll of the session. overlap means that there is one
// already.
func (s *Session) parkPoll(p *poll) (refused *refusal, overlap bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed:
		return refusedSession, false
	case s.out != nil:
		return refusedRequest, false
	case s.polls.parked != nil:
		return nil, true
	}
	s.polls.parked, p.duringUpgrade = p, s.polls.released
	s.schedule.idleAt = 0
	if len(s.queue.messages) > 0 || s.state == stateClosing {
		p.wake()
	}
	return nil, false
}

// abandonPoll closes the session of a GET whose client has closed the connection. After an
// upgrade the session goes on: nothing would have come by the GET.
func (s *Session) abandonPoll() {
	s.mu.Lock()
	s.polls.parked = nil
	upgraded := s.out != nil
	s.mu.Unlock()
	if !upgraded {
		s.closeWith(ReasonTransportError, closeMode{cause: "the client closed the connection of its poll"})
	}
}

// unparkPoll takes the parked GET and begins its reply. reply is nil for a GET that should
// not have come after an upgrade. last means that a closing session has nothing further
// to send.
func (s *Session) unparkPoll(x *exchange) (reply *pollReply, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, last := s.takeReplyLocked()
	if payload == nil {
		return nil, false
	}
	return s.beginReplyLocked(x, payload), last
}

// takeReplyLocked returns the messages of the reply to the parked poll: from the
// queue, up to maxPollPackets; if it is empty, a noop, or the close packet of a closing
// session.
//
// The close packet comes alone: clients handle messages a little later than the close
// packet in the same payload, and would lose them.
func (s *Session) takeReplyLocked() (payload []*eio.Message, last bool) {
	p := s.polls.parked
	s.polls.parked = nil
	if s.state == stateOpen && s.out == nil {
		s.schedule.idleAt = s.server.now() + s.heartbeat.idleTime()
		s.armTimerLocked()
	}
	if s.out != nil {
		if p.duringUpgrade {
			return nil, false
		}
		return []*eio.Message{noopPacket}, false
	}
	if payload = s.queue.takePayload(); len(payload) > 0 {
		return payload, false
	}
	if s.state == stateOpen || s.polls.endsWithNoop {
		return []*eio.Message{noopPacket}, s.state == stateClosing
	}
	return []*eio.Message{closePacket}, s.state == stateClosing
}
