package hub

import "time"

// clockStart is when the clock of this package began.
var clockStart = time.Now()

// readClock returns the nanoseconds of a monotonic clock, never 0. A change of the time of
// day does not move it.
func readClock() int64 { return int64(time.Since(clockStart)) + 1 }
