package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"go.uber.org/zap"
)

// Receiver takes the messages that a client sends over one session.
type Receiver interface {
	// Receive takes one packet of type message. Calls do not overlap and come in
	// the order that the client sent. The packet's data is valid until Receive
	// returns. An error closes the session as a parse error.
	Receive(p eio.Packet) error
	// Closed is called once, after the session has closed and the last Receive has
	// returned, on a goroutine of its own. reason is one of the constants of this
	// package, or the one given to [Session.Close].
	Closed(reason string)
}

// Options are the static parts of a [Server].
type Options struct {
	// Log returns the current logger, for panics; nil logs nothing.
	Log func() *zap.Logger
	// Accept returns the receiver of a new session. It is called before the response
	// to the handshake; messages that it sends are part of the response. An error
	// refuses the client with status 503.
	Accept func(*Session) (Receiver, error)
	// MaxUnjoined is the limit of sessions for which [Session.MarkJoined] has not been
	// called. Beyond it, the oldest session of the address that has most closes for one of
	// an address that has fewer; others are refused with status 503. Default 20,000.
	MaxUnjoined int
	// Budget counts and bounds the memory of sessions; nil counts it without a limit.
	Budget *budget.Process
	// OverMemory is called before a session closes because it exceeds [Config.MaxMemory]. Nil
	// does nothing.
	OverMemory func(*Session)
	// Overloaded returns why new sessions are refused with status 503 at the moment, such
	// as "descriptors", or "". It is called for each handshake. Nil refuses none.
	Overloaded func(q *Request) (reason string)
	// Draining reports whether new sessions are refused because the process drains. It is
	// called after Overloaded, which passed before the drain may have begun. Nil means no.
	Draining func() bool
	// OriginRefused is called when an HTTP request is refused because of its origin.
	// origin lists several origins with ", ", and is empty if it is unknown, with JSONP
	// only. The result is the message of the response, in which nothing needs escapes in
	// JSON or HTML. Nil means the message "Forbidden".
	OriginRefused func(q *Request, origin string) (message string)
	// Paused is called when the client of a session is not read for a while, because it
	// exceeds a limit of rates. reason is one of the constants of this package. Nil does
	// nothing.
	Paused func(s *Session, reason string)
	// SessionUnknown is called when an HTTP request names a session that does not exist.
	// Nil does nothing.
	SessionUnknown func(q *Request)
	// CheckAddress returns how long the client's address must wait before a handshake, zero
	// if it may send one. Nil means zero.
	CheckAddress func(q *Request) (wait time.Duration)
	// AddressLimited is called when an address is over a limit, one of the constants
	// Limit…: a handshake is refused, or a session evicted. Nil does nothing.
	AddressLimited func(r *Route, address, limit string, evicted bool)
}

// Server holds the sessions of all routes, and serves their HTTP requests. It outlives
// routes. It is safe for concurrent use.
type Server struct {
	// Static after construction.
	options Options
	epoch   time.Time // when the session clock began
	pumps   []*pump

	// Safe for concurrent use.
	stats    counters
	overload overloadCounts
	unjoined address.Bound[*Session]
	pumpTurn atomic.Uint64 // picks the pump of the next connection
	draining atomic.Bool
	hold     pollHold
	flushers sync.Pool // of *flusher

	mu           sync.RWMutex // guards the following; a leaf
	sessions     map[string]*Session
	webSockets   int             // WebSockets whose reader has not ended
	drainWaiters []chan struct{} // closed by countWebSockets when webSockets is 0
}

// NewServer returns a server without sessions. It has no goroutine of its own while
// nothing is to be written.
func NewServer(o Options) *Server {
	if o.Log == nil {
		nop := zap.NewNop()
		o.Log = func() *zap.Logger { return nop }
	}
	if o.Budget == nil {
		o.Budget = budget.NewProcess(0)
	}
	if o.MaxUnjoined <= 0 {
		o.MaxUnjoined = 20_000
	}
	s := &Server{options: o, epoch: time.Now(), sessions: make(map[string]*Session)}
	for range runtime.GOMAXPROCS(0) {
		s.pumps = append(s.pumps, newPump(s))
	}
	return s
}

// findSession returns the session with an id, or nil. It may be a closing one, which
// still waits for a last poll.
func (s *Server) findSession(sid string) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[sid]
}

// Sessions returns the number of open sessions of all routes.
func (s *Server) Sessions() int { return int(s.stats.polling.Load() + s.stats.webSocket.Load()) }

// ListSessions returns the sessions of all routes, closing ones included.
func (s *Server) ListSessions() []*Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		all = append(all, session)
	}
	return all
}

func (s *Server) addSession(session *Session) {
	s.mu.Lock()
	s.sessions[session.id] = session
	s.mu.Unlock()
}

// removeSession removes a session that has closed. Its WebSocket and its receiver may still
// hold its account.
func (s *Server) removeSession(session *Session) {
	s.mu.Lock()
	delete(s.sessions, session.id)
	s.mu.Unlock()
	if !session.accountClosed.Swap(true) {
		session.account.Close()
	}
}

// now returns the time of the session clock: nanoseconds since the server was made,
// never 0.
func (s *Server) now() int64 { return int64(time.Since(s.epoch)) + 1 }

// Now returns the time of the session clock in nanoseconds. It is monotonic.
func (s *Server) Now() int64 { return s.now() }

// nextPump returns the pump of the next connection, in turn.
func (s *Server) nextPump() *pump {
	return s.pumps[s.pumpTurn.Add(1)%uint64(len(s.pumps))]
}
