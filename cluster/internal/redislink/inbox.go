package redislink

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// Inbox holds what a line has received, until it is handled, in order, by one goroutine
// that ends when there is nothing left. What it panics at is lost; it goes on with the
// next.
type Inbox[D any] struct {
	// Static after construction.
	handle func(D)
	taken  func(D)
	worker *spawn.Task

	mu      sync.Mutex // guards the following; a leaf
	queue   []D
	working bool // the worker runs
}

// NewInbox returns an empty inbox of a line of a link. It calls taken with what is in the
// inbox no more, and then handle with it unless the inbox was cleared.
func NewInbox[D any, L Line](l *Link[L], handle, taken func(D)) *Inbox[D] {
	in := &Inbox[D]{handle: handle, taken: taken}
	in.worker = spawn.NewTask(l.Log, l.name+": apply", in.work, func() { in.worker.Start() })
	return in
}

// Add adds something.
func (in *Inbox[D]) Add(d D) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.queue = append(in.queue, d)
	if !in.working {
		in.working = true
		in.worker.Start()
	}
}

// Clear forgets everything.
func (in *Inbox[D]) Clear() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, d := range in.queue {
		in.taken(d)
	}
	in.queue = nil
}

// Idle reports whether nothing waits or is being handled.
func (in *Inbox[D]) Idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.working
}

// next removes what is to be handled next.
func (in *Inbox[D]) next() (d D, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queue) == 0 {
		in.working = false
		return d, false
	}
	d = in.queue[0]
	clear(in.queue[:1]) // so that the array behind it keeps no message
	if in.queue = in.queue[1:]; len(in.queue) == 0 {
		in.queue = nil
	}
	in.taken(d)
	return d, true
}

func (in *Inbox[D]) work() {
	for d, ok := in.next(); ok; d, ok = in.next() {
		in.handle(d)
	}
}
