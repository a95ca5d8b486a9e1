package engine

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

// Handshake is the part of a session's first HTTP request that the session keeps. It is
// immutable.
type Handshake struct {
	// Time is when the request came.
	Time time.Time
	// Address is the client's address, as given in [Request.Address].
	Address string
	// URL is the path and query of the request.
	URL string
	// Header is the request's header, without fields that concern its connection only.
	Header http.Header
	// Secure is whether the client came over TLS, as given in [Request.Secure].
	Secure bool
	// Version is the protocol revision of the session.
	Version eio.Version
	// Context is the value of [Request.Context].
	Context any
}

// Query parses the query of the URL, Engine.IO's own parameters included. It leaves out
// parameters that cannot be parsed.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL, "?")
	values, _ := url.ParseQuery(query) // returns the readable parameters also with an error
	return values
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // a polling session that has closed, and still has packets for a poll
	stateClosed
)

// Session is one client's Engine.IO session, over any transport. It is safe for
// concurrent use.
type Session struct {
	// Static after construction.
	id        string
	server    *Server
	route     *Route
	handshake *Handshake
	format    pollFormat
	direct    bool          // began as a WebSocket
	done      chan struct{} // closed by closeWith
	account   *budget.Account

	accountClosed atomic.Bool // by the session itself: others may hold it still

	heartbeat heartbeat // has a doc of its own
	places    places    // has a doc of its own
	intake    intake    // has a doc of its own

	mu       sync.Mutex // guards the following, and parts of out and probe; a leaf
	state    state
	closing  closing
	queue    queue
	out      *outbound // the WebSocket that carries the session; nil while it polls
	probe    *outbound // the WebSocket that probes whether it can carry the session
	polls    polls
	schedule schedule
}

// closing is about the close of a session.
type closing struct {
	cause  string // see CloseCause
	onShed func() // of SetOnShed
}

// intake is the way of a session's packets to its receiver.
type intake struct {
	mu       sync.Mutex            // held while the receiver is called: one call at a time
	receiver Receiver              // guarded by mu
	rates    atomic.Pointer[rates] // nil before the first packet that counts
	// packets and bytes count all packets of the client.
	packets, bytes atomic.Uint64
}

// Traffic is the number of packets of one session, and their bytes without frames.
type Traffic struct {
	// PacketsIn and BytesIn are the client's. PacketsOut and BytesOut were taken out of the
	// queue to be written: a client that is gone may not have received the last ones.
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64
}

// Traffic returns the session's packets so far.
func (s *Session) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Traffic{
		PacketsIn: s.intake.packets.Load(), BytesIn: s.intake.bytes.Load(),
		PacketsOut: s.queue.packetsOut, BytesOut: s.queue.bytesOut,
	}
}

// ID returns the session's id: 20 characters, a secret of its client.
func (s *Session) ID() string { return s.id }

// LogID returns a short hash of the id, by which logs identify the session.
func (s *Session) LogID() string { return id.ForLog(s.id) }

// Version returns the protocol revision that the client speaks.
func (s *Session) Version() eio.Version { return s.handshake.Version }

// Handshake returns the kept part of the HTTP request that opened the session.
func (s *Session) Handshake() *Handshake { return s.handshake }

// Route returns the route that the session was opened at.
func (s *Session) Route() *Route { return s.route }

// Done returns a channel that is closed when the session closes: when Send begins to
// return false.
func (s *Session) Done() <-chan struct{} { return s.done }

// Transport returns "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != nil || s.direct {
		return transportWebSocket
	}
	return transportPolling
}

func (s *Session) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateOpen
}

// handlePacket handles a packet that came over the current transport. It returns
// errClosed if the session has closed. It counts the packet for the limits of rates; the
// caller then calls awaitRates. The receiver counts messages.
func (s *Session) handlePacket(p eio.Packet) error {
	if p.Type != eio.TypeMessage { // the end of the receiver's call notes it
		s.notePacket()
	}
	s.noteProof()
	s.intake.packets.Add(1)
	s.intake.bytes.Add(uint64(len(p.Data) + 1))
	s.spendBytes(len(p.Data) + 1)
	switch p.Type {
	case eio.TypeMessage:
		return s.deliverMessage(p)
	case eio.TypePing:
		if s.handshake.Version == eio.V4 {
			return errHeartbeat
		}
		s.spendHeartbeat(s.heartbeat.isPingDue(s.server.now()))
		s.heartbeat.lastPong.Store(s.server.now())
		s.Send(pongPacket)
	case eio.TypePong:
		s.spendHeartbeat(s.handlePong())
	case eio.TypeClose:
		return errClosePacket
	default: // open, upgrade and noop have no meaning here
		s.SpendUseless()
	}
	return nil
}

// deliverMessage gives one message to the receiver.
func (s *Session) deliverMessage(p eio.Packet) error {
	s.intake.mu.Lock()
	defer s.intake.mu.Unlock()
	if !s.isOpen() {
		return errClosed
	}
	s.heartbeat.receiving.Add(1)
	defer s.endReceiving()
	return s.intake.receiver.Receive(p)
}
