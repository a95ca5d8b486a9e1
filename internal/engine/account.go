package engine

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
)

const (
	// sessionCost is how many bytes an idle session takes, with its receiver and the
	// connection of the HTTP server, besides its handshake.
	sessionCost = 13 << 8
	// readerCost is how many bytes a reader takes, its goroutine and its buffers.
	readerCost = 5 << 10
	// chargeFrom is how many bytes may wait for a client that does not accept them, or be
	// written to it, without a charge. They are a small part of sessionCost.
	chargeFrom = 4 << 10
)

// errMemory ends the reading of a client that exceeds [Config.MaxMemory].
var errMemory = errors.New("connection keeps too much memory")

// openAccount opens the session's account, and charges the session itself.
func (s *Session) openAccount(key address.Key) {
	s.account = s.server.options.Budget.Open(key, &s.route.maxMemory, s.shed)
	size := sessionCost + len(s.handshake.URL)
	for name, values := range s.handshake.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	s.account.Add(budget.Session, size)
	s.queue.account = s.account
}

// Account returns the account that is charged for the memory kept because of the session.
func (s *Session) Account() *budget.Account { return s.account }

// SetOnShed sets a function that is called before the session closes because the process
// exceeds its memory limit.
func (s *Session) SetOnShed(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.onShed = fn
}

// shed closes the session without delivering its queue: the process exceeds its memory
// limit, and the session is one of the largest.
func (s *Session) shed() {
	s.mu.Lock()
	onShed := s.closing.onShed
	s.mu.Unlock()
	if onShed != nil {
		onShed()
	}
	s.closeWith(ReasonForced, closeMode{cause: "the memory limit of the process is reached"})
	s.mu.Lock()
	closing, out := s.state == stateClosing, s.out
	s.mu.Unlock()
	if closing { // it has closed before, and waits for a last poll
		s.completeClose()
	}
	if out != nil {
		out.closeNow()
	}
}

// reserve charges n bytes of a message that is read. It waits while the process slows the
// session, and while the session's events take the memory that the session may use. The error
// is errMemory.
func (s *Session) reserve(n int) error {
	s.awaitReading() // many large messages at once would exceed the limit by far
	if s.account.Charge(budget.Reading, n) {
		return nil
	}
	s.heartbeat.receiving.Add(1) // the client is not read meanwhile
	defer s.endReceiving()
	if !s.account.AwaitRoom(budget.Reading, n, s.done) {
		if report := s.server.options.OverMemory; report != nil && s.isOpen() {
			report(s)
		}
		return errMemory
	}
	return nil
}

// awaitReading waits while the process slows the session because of its memory limit.
func (s *Session) awaitReading() { s.account.AwaitReading(s.done) }

// release ends a WebSocket's part in the session. The queue of the WebSocket that
// carries it is dropped: nothing is written any more.
func (ws *webSocket) release() {
	s := ws.out.session
	if ws.role == roleSession {
		s.mu.Lock()
		if s.state != stateOpen {
			s.queue.dropAll()
		}
		s.mu.Unlock()
	}
	s.server.countWebSockets(-1)
	s.account.Close()
}
