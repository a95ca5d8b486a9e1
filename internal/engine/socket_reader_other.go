//go:build !unix

package engine

import "syscall"

// readOnce is not called: on this system, no connection has a raw one.
func (r *socketReader) readOnce(uintptr) bool {
	r.err = syscall.EINVAL
	return true
}
