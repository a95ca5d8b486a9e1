package hub

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// acks holds the pending acknowledgements of a namespace's emits. One id serves all
// sockets of a broadcast, as in Node.js.
type acks struct {
	mu      sync.Mutex // guards the following; a leaf
	nextID  uint64
	pending map[uint64]*pendingAck
}

// pendingAck is the acknowledgements of one id.
type pendingAck struct {
	expected map[*Socket]struct{} // guarded by acks.mu
	kept     []keptAck            // guarded by acks.mu: until the id is dropped
	bytes    int                  // of kept
	received chan sio.Data        // never closed; has room for all
}

// expectAcks returns a new id that each of the sockets may acknowledge once.
func (a *acks) expectAcks(sockets []*Socket) (uint64, *pendingAck) {
	p := &pendingAck{
		expected: make(map[*Socket]struct{}, len(sockets)),
		received: make(chan sio.Data, len(sockets)),
	}
	for _, s := range sockets {
		p.expected[s] = struct{}{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending == nil {
		a.pending = make(map[uint64]*pendingAck)
	}
	id := a.nextID
	a.nextID++
	a.pending[id] = p
	return id, p
}

// cancelAcks drops an id. Acknowledgements that come later are ignored.
func (a *acks) cancelAcks(id uint64) {
	a.mu.Lock()
	p := a.pending[id]
	delete(a.pending, id)
	a.mu.Unlock()
	if p == nil {
		return
	}
	for _, k := range p.kept { // no acknowledgement finds p any more
		k.account.Release(budget.Acks, k.bytes)
		k.account.Close()
	}
}

const (
	// freeAck is the size of an acknowledgement that its connection is not charged for: it is
	// small beside the connection.
	freeAck = 512
	// maxAckBytes is how many bytes of larger acknowledgements one emit keeps. Further ones
	// are dropped, as if they did not come in time. So are the ones that come while the process
	// is at its limit: an emit keeps them although their connections close.
	maxAckBytes = 64 << 20
)

// keptAck is an acknowledgement that a connection is charged for.
type keptAck struct {
	account *budget.Account
	bytes   int
}

// keepLocked charges the connection of an acknowledgement, and reports whether it may be
// kept.
func (p *pendingAck) keepLocked(account *budget.Account, size int) bool {
	if size <= freeAck {
		return true
	}
	if p.bytes+size > maxAckBytes || account.IsProcessFull() || !account.Charge(budget.Acks, size) {
		return false
	}
	account.Retain()
	p.kept = append(p.kept, keptAck{account, size})
	p.bytes += size
	return true
}

// resolveAck passes a socket's acknowledgement to the emit that expects it, and reports
// whether there is one. An id that this socket was not sent, a second acknowledgement, or one
// that there is no memory for, is ignored.
func (a *acks) resolveAck(s *Socket, id uint64, data sio.Data) (expected bool) {
	a.mu.Lock()
	p := a.pending[id]
	if p == nil {
		a.mu.Unlock()
		return false
	}
	_, expected = p.expected[s]
	delete(p.expected, s)
	kept := expected && p.keepLocked(s.client.account, data.Size())
	a.mu.Unlock()
	if kept {
		p.received <- data
	}
	return expected
}
