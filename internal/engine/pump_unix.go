//go:build unix

package engine

import (
	"net"
	"syscall"
)

// rawConn returns what a pump writes to, nil for a connection that is not simply a
// socket.
func rawConn(c net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch c := c.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return raw
}

// writeOnce is called with the connection's descriptor, which does not block. It
// returns true: there is no waiting for the descriptor to become ready.
func (p *pump) writeOnce(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), p.data)
		switch err {
		case nil:
			p.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			p.err = err
		}
		return true
	}
}

// readable is called with a connection's descriptor, and again when it may have
// become readable. It reports whether reading would not wait.
func readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
