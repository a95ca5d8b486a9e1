package engine

import (
	"sync"
	"syscall"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// pumpRounds is how many writes in a row a pump makes to one connection before the
// other connections have their turn.
const pumpRounds = 4

// pump writes to connections, one after another, and never waits for a client: bytes
// that a connection does not accept at once are left to its flusher. A server has few
// pumps, and a pump's goroutine runs only while something is queued.
type pump struct {
	// Static after construction.
	server  *Server
	task    *spawn.Task
	attempt func(fd uintptr) bool // p.writeOnce, bound once

	// Owned by the pump's goroutine.
	batch   batch
	data    []byte // the bytes for writeOnce
	written int    // how many of them writeOnce wrote
	err     error  // why it wrote none

	mu      sync.Mutex  // guards the following; a leaf
	waiting []*outbound // the connections that have something to write
	spare   []*outbound // the next value of waiting, empty
	running bool
}

func newPump(s *Server) *pump {
	p := &pump{server: s}
	p.attempt = p.writeOnce
	p.task = spawn.NewTask(s.options.Log, "pump", p.runUntilIdle, func() { p.task.Start() })
	return p
}

// enqueue queues a connection to be written to. The caller has begun writing.
func (p *pump) enqueue(o *outbound) {
	p.mu.Lock()
	p.waiting = append(p.waiting, o)
	start := !p.running
	p.running = true
	p.mu.Unlock()
	if start {
		p.task.Start()
	}
}

// runUntilIdle writes to the connections that wait, and returns when none does.
func (p *pump) runUntilIdle() {
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 {
			p.running = false
			p.mu.Unlock()
			return
		}
		list := p.waiting
		p.waiting, p.spare = p.spare[:0], nil
		p.mu.Unlock()
		for i, o := range list {
			list[i] = nil
			p.writeQueue(o)
		}
		p.batch.addToStats(p.server)
		p.mu.Lock()
		p.spare = list
		p.mu.Unlock()
	}
}

// writeQueue writes the queue of one connection, in pumpRounds writes at most. After
// that the connection waits again, behind the others.
func (p *pump) writeQueue(o *outbound) {
	for range pumpRounds {
		if !p.batch.takeFrom(o) {
			return
		}
		data := p.batch.joinFrames(o.encoding)
		n, err := p.tryWrite(o.raw, data)
		switch {
		case err != nil:
			o.failWriting()
			return
		case n < len(data):
			o.keepRest(&p.batch, data[n:])
			o.startFlusher()
			return
		case p.batch.last:
			o.finishWriting()
			return
		}
	}
	p.enqueue(o)
}

// tryWrite writes the bytes that the connection accepts at once, and returns their
// number.
func (p *pump) tryWrite(raw syscall.RawConn, data []byte) (int, error) {
	p.data, p.written, p.err = data, 0, nil
	err := raw.Write(p.attempt)
	p.data = nil
	if err != nil {
		return 0, err
	}
	return p.written, p.err
}
