package engine

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Handshake is what is kept of the request that opened a session. It is immutable.
type Handshake struct {
	// Time is when the request came.
	Time time.Time
	// Address is the client's, as given in [Request.Address]; URL the path and query
	// that it asked for.
	Address, URL string
	// Header is the request's, without what belongs to its connection only.
	Header http.Header
	// Secure tells that the client came over TLS, as given in [Request.Secure].
	Secure bool
	// Version is the protocol revision of the session.
	Version eio.Version
	// Context is that of [Request.Context].
	Context any
}

// Query parses the query of the URL, Engine.IO's own parameters included. What can't
// be read of it is left out.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL, "?")
	values, _ := url.ParseQuery(query) // returns what it can read
	return values
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // a polling session whose last words wait for a poll
	stateClosed
)

// Session is one client's connection, whatever it is carried by. It is safe for
// concurrent use.
type Session struct {
	// Static after construction.
	id                string
	server            *Server
	route             *Route
	handshake         *Handshake
	interval, timeout int64  // of the heartbeat, in nanoseconds
	jsonp             string // the index of a JSONP session's callback
	isJSONP           bool
	base64            bool // asked for no binary on polling
	direct            bool // began as a WebSocket
	done              chan struct{}

	turn     sync.Mutex  // held while the receiver is called: one call at a time
	receiver Receiver    // guarded by turn
	busy     atomic.Bool // while it takes a message; changed under turn

	seen  atomic.Int64 // session clock of the last whole packet
	heard atomic.Int64 // and of the last bytes

	mu      sync.Mutex // guards the following; a leaf
	state   state
	joined  bool
	noop    bool // what the parked poll of an ended session gets is a noop, not a close packet
	queue   []*eio.Message
	bytes   int // waiting in the queue or being written
	conn    *conn
	parked  *poll
	upload  *transfer
	answers []*answering // to polls, that are being written
	probe   *conn
	release bool // polls are not parked: the client wants to change over
	clock   clock

	finished chan struct{} // closed when a closing session has said its last words; nil if nobody waits
}

// ID returns the session's id: 20 characters, a secret of its client.
func (s *Session) ID() string { return s.id }

// Version returns the protocol revision that the client speaks.
func (s *Session) Version() eio.Version { return s.handshake.Version }

// Handshake returns what is known of the request that opened the session.
func (s *Session) Handshake() *Handshake { return s.handshake }

// Route returns the route that the session was opened at.
func (s *Session) Route() *Route { return s.route }

// Done returns a channel that is closed when the session ends: when Send begins to
// return false.
func (s *Session) Done() <-chan struct{} { return s.done }

// Transport returns "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transportLocked()
}

func (s *Session) transportLocked() string {
	if s.conn != nil || s.direct {
		return webSocket
	}
	return polling
}

// Joined tells that the client is in: it no longer counts towards
// [Options.MaxUnjoined].
func (s *Session) Joined() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.joined && s.state == stateOpen {
		s.joined = true
		s.server.unjoined.Add(-1)
	}
}

func (s *Session) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateOpen
}

// deliver gives one message to the receiver.
func (s *Session) deliver(p eio.Packet) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.open() {
		return errOver
	}
	s.busy.Store(true)
	defer s.notBusy()
	return s.receiver.Receive(p)
}

// notBusy begins the client's time anew, which is not read yet.
func (s *Session) notBusy() {
	s.seen.Store(s.server.now())
	s.busy.Store(false)
}

// take does what a packet says that came over the transport of the moment.
func (s *Session) take(p eio.Packet) error {
	s.seen.Store(s.server.now())
	switch p.Type {
	case eio.TypeMessage:
		return s.deliver(p)
	case eio.TypePing:
		if s.handshake.Version == eio.V4 {
			return errHeartbeat
		}
		s.Send(pong) // as often as it is asked, it counts
	case eio.TypePong:
		s.ponged()
	case eio.TypeClose:
		return errClosePacket
	}
	return nil // open, upgrade and noop mean nothing here
}
