package engine

import (
	"io"
	"sync"
	"syscall"
)

// socketReader reads from the descriptor of a connection. It is scratch space for one
// connection at a time: each reader borrows one.
type socketReader struct {
	attempt func(fd uintptr) bool // r.readOnce, bound once
	data    []byte                // to be filled by readOnce
	n       int                   // how many bytes readOnce read
	err     error                 // why it read none
}

var socketReaders = sync.Pool{New: func() any {
	r := new(socketReader)
	r.attempt = r.readOnce
	return r
}}

// read reads the bytes that have come, and waits for some if there are none.
func (r *socketReader) read(raw syscall.RawConn, p []byte) (n int, err error) {
	r.data, r.n, r.err = p, 0, nil
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
