package descriptors

import "syscall"

// Limit returns the limit of descriptors of the process, 0 if it is unknown. It may change
// while the process runs.
func Limit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// findLowestFree returns the number of the next new descriptor, limit if there is none,
// and 0 if it is unknown.
func findLowestFree(limit int) int {
	const standardInput = 0 // Go keeps it open
	fd, _, err := syscall.RawSyscall(syscall.SYS_FCNTL, standardInput, syscall.F_DUPFD_CLOEXEC, 0)
	switch err {
	case 0:
		_ = syscall.Close(int(fd))
		return int(fd)
	case syscall.EMFILE:
		return limit
	}
	return 0
}
