package hub

import (
	"sync"

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
	defer a.mu.Unlock()
	delete(a.pending, id)
}

// resolveAck passes a socket's acknowledgement to the emit that expects it, and reports
// whether there is one. An id that this socket was not sent, or a second acknowledgement, is
// ignored.
func (a *acks) resolveAck(s *Socket, id uint64, data sio.Data) (expected bool) {
	a.mu.Lock()
	p := a.pending[id]
	if p == nil {
		a.mu.Unlock()
		return false
	}
	_, expected = p.expected[s]
	delete(p.expected, s)
	a.mu.Unlock()
	if expected {
		p.received <- data
	}
	return expected
}
