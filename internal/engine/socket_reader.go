package engine

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	// yieldTrial is how many messages a reader reads without a yield before it tries one.
	yieldTrial = 128
	// yieldCredit is how many yields in a row may not pay.
	yieldCredit = 8
)

// socketReader reads from the descriptor of a connection. It is scratch space for one
// connection at a time: each reader borrows one.
type socketReader struct {
	attempt func(fd uintptr) bool // r.readOnce, bound once
	data    []byte                // to be filled by readOnce
	n       int                   // how many bytes readOnce read
	err     error                 // why it read none
	waited  bool                  // there was nothing to read at first
	yields  yields
}

// yields decides whether a reader yields before it reads the next message.
type yields struct {
	// credit is how many yields more may not pay. Below 0, it is the number of messages until
	// the next one.
	credit int
}

var socketReaders = sync.Pool{New: func() any {
	r := new(socketReader)
	r.attempt = r.readOnce
	return r
}}

// readNext is read for the first bytes of a message. While many clients send, it lets other
// readers run before it reads: then the client's next message has often come, and needs
// neither a read that finds nothing nor a wait. packets counts the packets of all clients.
func (r *socketReader) readNext(raw syscall.RawConn, p []byte, packets *atomic.Uint64) (n int, err error) {
	if !r.yields.isDue() {
		return r.read(raw, p)
	}
	before := packets.Load()
	runtime.Gosched()
	// With nothing else to do, a yield only wakes an idle processor.
	busy := packets.Load() != before
	n, err = r.read(raw, p)
	r.yields.note(busy && !r.waited)
	return n, err
}

// isDue reports whether the reader yields now. The caller calls note after it.
func (y *yields) isDue() bool {
	if y.credit < 0 {
		y.credit++
		return false
	}
	return true
}

// note notes whether a yield paid.
func (y *yields) note(paid bool) {
	switch {
	case paid:
		y.credit = yieldCredit
	case y.credit > 0:
		y.credit--
	default:
		y.credit = -yieldTrial
	}
}

// read reads the bytes that have come, and waits for some if there are none.
func (r *socketReader) read(raw syscall.RawConn, p []byte) (n int, err error) {
	r.data, r.n, r.err, r.waited = p, 0, nil, false
	err = raw.Read(r.attempt)
	r.data = nil
	switch {
	case err != nil:
		return 0, err
	case r.n == 0 && r.err == nil:
		return 0, io.EOF
	}
	return r.n, r.err
}
