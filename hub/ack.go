package hub

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// acks holds the acknowledgements that a namespace waits for. One id serves all
// sockets of a broadcast, as Node has it.
type acks struct {
	mu      sync.Mutex // guards the following; a leaf
	nextID  uint64
	pending map[uint64]*pendingAck
}

// pendingAck is one id's acknowledgements.
type pendingAck struct {
	expected map[*Socket]struct{} // guarded by acks.mu
	received chan sio.Data        // never closed; has room for all
}

// expectAcks makes an id that each of the sockets may acknowledge once.
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

// cancelAcks ends the wait; what comes later is ignored.
func (a *acks) cancelAcks(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, id)
}

// resolveAck hands an acknowledgement to who waits for it. One that nobody asked
// this socket for, or a second one, is ignored.
func (a *acks) resolveAck(s *Socket, id uint64, data sio.Data) {
	a.mu.Lock()
	p := a.pending[id]
	if p == nil {
		a.mu.Unlock()
		return
	}
	_, expected := p.expected[s]
	delete(p.expected, s)
	a.mu.Unlock()
	if expected {
		p.received <- data
	}
}
