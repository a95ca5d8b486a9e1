//go:build unix

package engine

import (
	"net"
	"syscall"
)

// rawConnOf returns the raw connection that a pump can write to. It returns nil for a
// connection that is not a plain socket, such as one of TLS.
func rawConnOf(c net.Conn) syscall.RawConn {
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

// writeOnce writes w.data to a connection's descriptor, which does not block. It always
// returns true: the writer does not wait until the descriptor becomes ready.
func (w *writer) writeOnce(fd uintptr) bool {
	for {
		n, err := writeBytes(fd, w.data)
		switch err {
		case nil:
			w.written = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			w.err = err
		}
		return true
	}
}

// shortCall is the size up to which data is read and written by short calls. The copying of
// more takes long enough that another goroutine may have the processor meanwhile.
const shortCall = 16 << 10

// writeBytes writes data to a descriptor that does not block.
func writeBytes(fd uintptr, data []byte) (n int, err error) {
	if len(data) <= shortCall {
		return writeShort(fd, data)
	}
	return syscall.Write(int(fd), data)
}
