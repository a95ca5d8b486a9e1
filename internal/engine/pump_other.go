//go:build !unix

package engine

import (
	"net"
	"syscall"
)

// rawConnOf returns nil: on this system, each connection has its own flusher.
func rawConnOf(net.Conn) syscall.RawConn { return nil }

func (w *writer) writeOnce(uintptr) bool {
	w.err = syscall.EINVAL
	return true
}
