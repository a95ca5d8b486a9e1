package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"go.uber.org/zap"
)

// Receiver takes what a client sends over one session.
type Receiver interface {
	// Receive takes one packet of type message. Calls do not overlap and come in
	// the order that the client sent. The packet's data is valid until Receive
	// returns. An error ends the session as a parse error.
	Receive(p eio.Packet) error
	// Closed is called once, after the last Receive has returned, on a goroutine
	// of its own.
	Closed(reason string)
}

// Options are the static parts of a [Server].
type Options struct {
	// Log returns the logger of the moment, for panics; nil logs nothing.
	Log func() *zap.Logger
	// Accept is asked for the receiver of each new session before the client is
	// answered. What it sends is part of the first answer. An error refuses the
	// client with status 503.
	Accept func(*Session) (Receiver, error)
	// MaxUnjoined is the limit of sessions for which [Session.Joined] has not been
	// called; beyond it new ones are refused with status 503. Default 20,000.
	MaxUnjoined int
	// OriginRefused is called when a request is refused because of its origin, or
	// of several; an empty one is unknown, with JSONP only. Nil does nothing.
	OriginRefused func(q *Request, origin string)
	// SessionUnknown is called when a request names a session that does not exist.
	// Nil does nothing.
	SessionUnknown func(q *Request)
}

// Server is a table of sessions and what serves them. It outlives routes. It is safe
// for concurrent use.
type Server struct {
	// Static after construction.
	options Options
	epoch   time.Time // of the session clocks
	pumps   []*pump

	stats    counters
	unjoined atomic.Int64
	pumpTurn atomic.Uint64 // picks the pump of the next connection
	draining atomic.Bool
	hold     pollHold

	mu           sync.RWMutex // guards the following; a leaf
	sessions     map[string]*Session
	webSockets   int             // WebSockets, until they are closed for good
	drainWaiters []chan struct{} // for conns to be 0; closed by countConn
}

// NewServer returns a server without sessions. It holds no goroutine while nothing
// has to be written.
func NewServer(o Options) *Server {
	if o.Log == nil {
		nop := zap.NewNop()
		o.Log = func() *zap.Logger { return nop }
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

// findSession returns the session of an id, or nil. It may be one that waits for a last
// poll to say good-bye.
func (s *Server) findSession(sid string) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[sid]
}

// Sessions returns the number of live sessions, of all routes.
func (s *Server) Sessions() int { return int(s.stats.polling.Load() + s.stats.webSocket.Load()) }

func (s *Server) listSessions() []*Session {
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

func (s *Server) removeSession(session *Session) {
	s.mu.Lock()
	delete(s.sessions, session.id)
	s.mu.Unlock()
}

// now is the session clock: nanoseconds since the server began, never zero.
func (s *Server) now() int64 { return int64(time.Since(s.epoch)) + 1 }

// nextPump spreads connections over the pumps.
func (s *Server) nextPump() *pump {
	return s.pumps[s.pumpTurn.Add(1)%uint64(len(s.pumps))]
}
