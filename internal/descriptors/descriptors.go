// Package descriptors reports whether the process is about to run out of file
// descriptors. A process without descriptors serves no admin endpoint, loads no config,
// and loses its connections to backends and to Redis.
//
// The package knows the limit of the process (RLIMIT_NOFILE) on Linux. On other systems,
// descriptors are never low.
package descriptors

const (
	// HandshakeReserve is how many descriptors are left when new sessions are refused.
	HandshakeReserve = 64
	// AcceptReserve is how many descriptors are left when accepting connections pauses, by
	// default.
	AcceptReserve = 32

	// maxShare is the inverse of the part of the limit that a reserve is at most.
	maxShare = 8
)

// Remedy is the advice in log lines about descriptors that run out.
const Remedy = "raise the limit of open files (ulimit -n, LimitNOFILE), or limit connections by max_connections"

// AreLow reports whether at most reserve descriptors are left, or an eighth of the limit
// if that is less. The kernel gives a new descriptor the lowest free number, so this
// number is compared with the limit: a few system calls, whatever the number of
// descriptors.
func AreLow(reserve int) bool {
	limit := Limit()
	if limit == 0 {
		return false
	}
	return findLowestFree(limit) >= limit-min(reserve, limit/maxShare)
}
