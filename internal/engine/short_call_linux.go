//go:build linux && !race

package engine

import (
	"syscall"
	"unsafe"
)

// writeShort writes few bytes to a socket that does not block, by a system call that the
// scheduler does not notice. The scheduler would take the processor away from a write that it
// notices, and look for another one when the write returns: on busy processors this costs as much
// as a tenth of a write. A stop of all goroutines waits for the call, at most for some microseconds.
func writeShort(fd uintptr, data []byte) (n int, err error) {
	r, _, code := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)))
	if code != 0 {
		return 0, code
	}
	return int(r), nil
}

// readShort reads few bytes from a socket that does not block, as writeShort writes them.
func readShort(fd uintptr, p []byte) (n int, err error) {
	r, _, code := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if code != 0 {
		return 0, code
	}
	return int(r), nil
}
