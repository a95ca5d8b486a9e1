package hub

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

const (
	// socketCost is how many bytes a socket takes in a namespace, besides its auth, data and
	// rooms.
	socketCost = 1 << 10
	// eventCost is how many bytes an event takes in an inbox, besides its arguments.
	eventCost = 384
	// runningCost is how many bytes an event takes while a goroutine handles it: the stack, and
	// the values that handlers keep meanwhile. One event of a connection is free.
	runningCost = 9 << 10
	// heldCost is how many bytes a held connect packet takes, besides its namespace and query.
	heldCost = 160
	// dataCost is how many bytes a key of a socket's data takes, besides key and value.
	dataCost = 128
)

// ErrMemory means that a connection would keep more memory than its route allows, see
// [EngineConfig].
var ErrMemory = errors.New("connection keeps too much memory")

// errMemoryExceeded is the connect error of a connection that keeps too much memory.
var errMemoryExceeded = &ClientError{Message: "Connection keeps too much memory"}

// Memory counts and bounds the memory that hubs keep because of clients. Hubs of a process
// share one. When it is full, new connections of addresses that keep much are refused with
// status 503, and the largest connections of these addresses are slowed and then closed.
// Addresses that keep little are not touched.
type Memory = budget.Process

// NewMemory returns a memory with a limit in bytes; 0 means no limit. It has a timer while
// it has a limit and connections.
func NewMemory(limit int64) *Memory { return budget.NewProcess(limit) }

// DefaultMemoryLimit returns 60 % of the memory that the process may use: the smallest of
// GOMEMLIMIT, the limits of its control groups, and the machine's memory. It returns 0, no
// limit, if none of them is known.
func DefaultMemoryLimit() int64 { return budget.DefaultLimit() }

// Reserve charges the connection of the event's socket for n bytes that a handler is about
// to keep: the body of a reply, say. The handler calls [Event.Release] with as many when it
// is done with them. The error wraps [ErrMemory]: the connection has no memory left, or the
// process is at its limit and the connection is one of the largest. Nothing is charged then.
// An event without a socket charges the process alone.
func (ev *Event) Reserve(n int) error {
	if ev.Socket == nil {
		ev.Namespace().hub.memory.Shared().Add(n)
		return nil
	}
	account := ev.Socket.client.account
	if account.IsSlowed() || !account.Charge(budget.Backend, n) {
		return ErrMemory
	}
	return nil
}

// Release releases bytes that [Event.Reserve] has charged.
func (ev *Event) Release(n int) {
	if ev.Socket == nil {
		ev.Namespace().hub.memory.Shared().Add(-n)
		return
	}
	ev.Socket.client.account.Release(budget.Backend, n)
}

// shed drops the events that wait, before the engine closes the connection: the process
// exceeds its memory limit, and the connection is one of the largest. It logs one in a minute,
// with the number of the ones since the line before.
func (c *client) shed() {
	if n := c.hub.shedWarning.admitCounted(); n > 0 {
		c.hub.log().Warn("connection closed: the memory limit is reached, and its address is one of the largest",
			append(memoryFields(c.session), zap.Int("connections", n))...)
	}
	for _, s := range c.listSockets() {
		s.disconnectedByServer.Store(true)
	}
}

// memoryFields describes the memory of a connection for the log.
func memoryFields(session *engine.Session) []zap.Field {
	account := session.Account()
	fields := []zap.Field{
		zap.String("address", session.Handshake().Address),
		zap.String("session", session.LogID()),
		zap.Int64("bytes", account.Used()),
	}
	for kind, n := range account.Kinds() {
		if n > 0 {
			fields = append(fields, zap.Int64(budget.Kind(kind).String(), n))
		}
	}
	return fields
}

// countOverMemory counts a connection that is about to be closed because of its memory, and
// logs one in a minute.
func (h *Hub) countOverMemory(session *engine.Session) {
	h.stats.overMemory.Add(1)
	if h.memoryWarning.admit() {
		h.log().Warn("connection closed: it keeps too much memory (max_memory_per_connection)", memoryFields(session)...)
	}
}

// refuseMemory closes the connection: it exceeds its memory, and no event is left whose end
// would release some.
func (c *client) refuseMemory() {
	if c.ctx.Err() == nil {
		c.hub.countOverMemory(c.session)
		c.session.CloseFor(ReasonForced, "the connection exceeds max_memory_per_connection")
	}
}

// chargePending charges the connection for the attachments of the packet that is not
// complete. It waits while events take the connection's memory, and reports false if the
// connection closes.
func (c *client) chargePending() bool {
	pending := c.decoder.PendingBytes()
	if grown := pending - c.pendingBytes; grown > 0 {
		if !c.account.AwaitRoom(budget.Attachments, grown, c.session.Done()) {
			c.refuseMemory()
			return false
		}
		c.pendingBytes = pending
	}
	return true
}

// chargeEvent charges the connection for an event until [Socket.releaseEvent]. It waits
// while events before it take the connection's memory, and reports false if the connection
// closes. The attachments are charged already.
func (c *client) chargeEvent(ev *Event) bool {
	ev.size = ev.Args.Size() + eventCost
	if !c.account.AwaitRoom(budget.Inbound, max(ev.size-c.pendingBytes, 0), c.session.Done()) {
		c.refuseMemory()
		return false
	}
	moved := min(ev.size, c.pendingBytes)
	c.account.Add(budget.Inbound, moved)
	c.releasePending(moved)
	return true
}

// beginRunning charges the connection for a goroutine that is about to handle events of a
// socket. The first goroutine of a connection is free: most connections have one at a time, so
// that quick events do not touch the count that all connections share. The charge may exceed
// the connection's limit: its next event waits then.
func (c *client) beginRunning() {
	if c.running.Add(1) > 1 {
		c.account.Add(budget.Inbound, runningCost)
	}
}

// endRunning releases the charge of a goroutine that has handled its events.
func (c *client) endRunning() {
	if c.running.Add(-1) > 0 {
		c.account.Release(budget.Inbound, runningCost)
	}
}

// releasePending releases attachments of a packet that is complete: n bytes are charged as
// a part of its event.
func (c *client) releasePending(n int) {
	c.account.Release(budget.Attachments, n)
	c.pendingBytes -= n
}

// releaseEvent releases the memory of an event that was handled or dropped.
func (s *Socket) releaseEvent(ev *Event) {
	if ev.size > 0 {
		s.client.account.Release(budget.Inbound, ev.size)
		ev.size = 0
	}
}

// chargeRooms charges the connection for the socket's memberships, as they are now.
func (s *Socket) chargeRooms() {
	for {
		n := s.ns.index.MemoryOf(s)
		before := int(s.roomBytes.Swap(int64(n)))
		s.client.account.Add(budget.Rooms, n-before)
		if s.ns.index.MemoryOf(s) == n { // no other goroutine has changed them meanwhile
			return
		}
	}
}

// checkRoomMemory returns [ErrMemory] if the connection has no memory for rooms that the socket
// is about to join, and for the socket as their member.
func (s *Socket) checkRoomMemory(names []string) error {
	most := len(names) * (rooms.MembershipCost + memberCost)
	for _, room := range names {
		most += len(room)
	}
	if s.client.account.Fits(most) {
		return nil
	}
	n := 0
	for _, room := range names {
		if s.ns.index.Has(s, room) {
			continue
		}
		if n += rooms.MembershipCost + len(room); s.ns.presenceOf(room) != nil {
			n += memberCost
		}
	}
	if n > 0 && !s.client.account.Fits(n) {
		return ErrMemory
	}
	return nil
}

// releaseMemory releases the memory of the socket that its connection was charged for.
func (s *Socket) releaseMemory() {
	account := s.client.account
	s.mu.Lock()
	data := s.chargedData
	s.chargedData = 0
	s.mu.Unlock()
	account.Release(budget.Data, data)
	account.Release(budget.Auth, s.auth.Size())
	account.Release(budget.Session, socketCost+len(s.query))
	account.Release(budget.Rooms, int(s.roomBytes.Swap(0)))
	account.Close()
}
