//go:build !unix

package engine

import (
	"net"
	"syscall"
)

// rawConn returns nil: every connection has a flusher of its own here.
func rawConn(net.Conn) syscall.RawConn { return nil }

func (p *pump) writeOnce(uintptr) bool {
	p.err = syscall.EINVAL
	return true
}

func readable(uintptr) bool { return true }
