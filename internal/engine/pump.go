package engine

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// pump writes to connections, one after another, and never waits for a client: bytes
// that a connection does not accept at once are left to its flusher. A server has few
// pumps, and a pump's goroutine runs only while something is queued.
type pump struct {
	// Static after construction.
	server *Server
	task   *spawn.Task

	writer *writer // owned by the pump's goroutine

	mu      sync.Mutex  // guards the following; a leaf
	waiting []*outbound // the connections that have something to write
	spare   []*outbound // the next value of waiting, empty
	running bool
}

func newPump(s *Server) *pump {
	p := &pump{server: s, writer: newWriter()}
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
			p.writer.writeQueue(o)
		}
		p.writer.batch.addToStats(p.server)
		p.mu.Lock()
		p.spare = list
		p.mu.Unlock()
	}
}
