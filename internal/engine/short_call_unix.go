//go:build unix && (!linux || race)

package engine

import "syscall"

// writeShort writes few bytes to a socket that does not block. The race detector has to know
// of the write: a client in the same process reads these bytes.
func writeShort(fd uintptr, data []byte) (n int, err error) { return syscall.Write(int(fd), data) }

// readShort reads few bytes from a socket that does not block.
func readShort(fd uintptr, p []byte) (n int, err error) { return syscall.Read(int(fd), p) }
