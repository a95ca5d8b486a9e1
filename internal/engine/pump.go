package engine

import (
	"slices"
	"sync"
	"syscall"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// rounds is how many writes in a row a pump makes to one connection before the
// others have their turn.
const rounds = 4

// pump writes to connections, one after another, without ever waiting for one: what
// a connection does not take at once is left to a flusher of its own. There are few
// pumps, and one runs only while something is queued.
type pump struct {
	// Static after construction.
	server  *Server
	task    *spawn.Task
	attempt func(fd uintptr) bool // p.writeOnce, bound once

	// Owned by run.
	out  writer
	data []byte // what writeOnce writes, and what came of it
	n    int
	err  error

	mu      sync.Mutex // guards the following; a leaf
	list    []*conn    // those that have something to write
	spare   []*conn    // the list to come
	running bool
}

func newPump(s *Server) *pump {
	p := &pump{server: s}
	p.attempt = p.writeOnce
	p.task = spawn.NewTask(s.options.Log, "pump", p.run, func() { p.task.Start() })
	return p
}

// add has a connection written to. The caller has begun writing.
func (p *pump) add(c *conn) {
	p.mu.Lock()
	p.list = append(p.list, c)
	start := !p.running
	p.running = true
	p.mu.Unlock()
	if start {
		p.task.Start()
	}
}

// run ends when nothing is left to write.
func (p *pump) run() {
	for {
		p.mu.Lock()
		if len(p.list) == 0 {
			p.running = false
			p.mu.Unlock()
			return
		}
		list := p.list
		p.list, p.spare = p.spare[:0], nil
		p.mu.Unlock()
		for i, c := range list {
			list[i] = nil
			p.serve(c)
		}
		p.out.count(p.server)
		p.mu.Lock()
		p.spare = list
		p.mu.Unlock()
	}
}

// serve writes what is queued for one connection.
func (p *pump) serve(c *conn) {
	for range rounds {
		if !p.out.take(c) {
			return
		}
		data := p.out.render(c.encoding)
		n, err := p.try(c.raw, data)
		switch {
		case err != nil:
			c.broke()
			return
		case n < len(data):
			if c.rest = data[n:]; !p.out.lent {
				c.rest = slices.Clone(c.rest)
			}
			c.parting = p.out.last
			c.startFlusher()
			return
		case p.out.last:
			c.parted()
			return
		}
	}
	p.add(c)
}

// try writes what the connection takes at once.
func (p *pump) try(raw syscall.RawConn, data []byte) (int, error) {
	p.data, p.n, p.err = data, 0, nil
	err := raw.Write(p.attempt)
	p.data = nil
	if err != nil {
		return 0, err
	}
	return p.n, p.err
}
