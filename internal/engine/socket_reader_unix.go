//go:build unix

package engine

import "syscall"

// readOnce reads from a connection's descriptor, which does not block. It returns false if
// there is nothing to read: then it is called again when there is.
func (r *socketReader) readOnce(fd uintptr) bool {
	for {
		n, err := readBytes(fd, r.data)
		switch err {
		case nil:
			r.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		default:
			r.err = err
		}
		return true
	}
}

// readBytes reads from a descriptor that does not block.
func readBytes(fd uintptr, p []byte) (n int, err error) {
	if len(p) <= shortCall {
		return readShort(fd, p)
	}
	return syscall.Read(int(fd), p)
}
