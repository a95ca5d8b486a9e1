// Package descriptors reports whether the process is about to run out of file
// descriptors. A process without descriptors serves no admin endpoint, loads no config,
// and loses its connections to backends and to Redis.
//
// The package knows the limit of the process (RLIMIT_NOFILE) on Linux. On other systems,
// descriptors are never low.
package descriptors

import (
	"sync/atomic"
	"time"
)

const (
	// HandshakeReserve is how many descriptors are left when new sessions are refused.
	HandshakeReserve = 64
	// AcceptReserve is how many descriptors are left when accepting connections pauses, by
	// default.
	AcceptReserve = 32

	// maxShare is the inverse of the part of the limit that a reserve is at most.
	maxShare = 8

	// plenty is how many descriptors the process does not open within plentyTime.
	plenty     = 4096
	plentyTime = 10 * time.Millisecond
)

var (
	start = time.Now()
	// plentyUntil is when AreLow has to look at the descriptors again, as a time since start.
	plentyUntil atomic.Int64
)

// Remedy is the advice in log lines about descriptors that run out.
const Remedy = "raise the limit of open files (ulimit -n, LimitNOFILE), or limit connections by max_connections"

// AreLow reports whether at most reserve descriptors are left, or an eighth of the limit
// if that is less. The kernel gives a new descriptor the lowest free number, so this
// number is compared with the limit: a few system calls, whatever the number of
// descriptors. While plenty of them are left, one look is good for plentyTime.
func AreLow(reserve int) bool {
	now := time.Since(start)
	if int64(now) < plentyUntil.Load() {
		return false
	}
	limit := Limit()
	if limit == 0 {
		return false
	}
	lowest := findLowestFree(limit)
	low := lowest >= limit-min(reserve, limit/maxShare)
	if !low && limit-lowest > reserve+plenty {
		plentyUntil.Store(int64(now + plentyTime))
	}
	return low
}
