package hub

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// acks holds the acknowledgements that a namespace waits for. One id serves all
// sockets of a broadcast, as Node has it.
type acks struct {
	mu      sync.Mutex // guards the following; a leaf
	last    uint64
	pending map[uint64]*pendingAck
}

// pendingAck is one id's acknowledgements.
type pendingAck struct {
	expected map[*Socket]struct{} // guarded by acks.mu
	answers  chan sio.Data        // never closed; has room for all
}

// expect makes an id that each of the sockets may acknowledge once.
func (a *acks) expect(sockets []*Socket) (uint64, *pendingAck) {
	p := &pendingAck{
		expected: make(map[*Socket]struct{}, len(sockets)),
		answers:  make(chan sio.Data, len(sockets)),
	}
	for _, s := range sockets {
		p.expected[s] = struct{}{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending == nil {
		a.pending = make(map[uint64]*pendingAck)
	}
	id := a.last
	a.last++
	a.pending[id] = p
	return id, p
}

// forget ends the wait; what comes later is ignored.
func (a *acks) forget(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, id)
}

// resolve hands an acknowledgement to who waits for it. One that nobody asked
// this socket for, or a second one, is ignored.
func (a *acks) resolve(s *Socket, id uint64, data sio.Data) {
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
		p.answers <- data
	}
}
