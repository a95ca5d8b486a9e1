// Package histogram counts values in buckets, without a lock. It knows no metrics system.
package histogram

import (
	"sync/atomic"
	"time"
)

// maxBounds is how many buckets have a bound. One more has the values above all bounds.
const maxBounds = 14

// Durations are the bounds of histograms of durations, in nanoseconds.
var Durations = []int64{
	int64(10 * time.Microsecond), int64(100 * time.Microsecond), int64(500 * time.Microsecond),
	int64(time.Millisecond), int64(5 * time.Millisecond), int64(10 * time.Millisecond), int64(50 * time.Millisecond),
	int64(100 * time.Millisecond), int64(500 * time.Millisecond),
	int64(time.Second), int64(5 * time.Second), int64(10 * time.Second),
}

// Numbers are the bounds of histograms of numbers of sockets.
var Numbers = []int64{0, 1, 2, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 50_000, 100_000}

// Sizes are the bounds of histograms of bytes.
var Sizes = []int64{0, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}

// Histogram counts values in buckets. Its methods are safe for concurrent use.
type Histogram struct {
	bounds []int64 // ascending; static
	sum    atomic.Int64
	counts [maxBounds + 1]atomic.Uint64
}

// New returns a histogram with a bucket for the values up to each bound. The bounds ascend, and
// are at most 14.
func New(bounds []int64) *Histogram { return &Histogram{bounds: bounds} }

// Observe counts a value.
func (h *Histogram) Observe(value int64) {
	i := 0
	for i < len(h.bounds) && value > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(value)
}

// Snapshot is the counts of a [Histogram] at a moment.
type Snapshot struct {
	// Bounds are the upper bounds of the buckets, which belong to them. They must not be
	// changed.
	Bounds []int64
	// Counts has the number of values up to each bound, the ones of lower buckets included.
	Counts []uint64
	// Count and Sum are of all values.
	Count uint64
	Sum   int64
}

// Snapshot returns the counts. Values that are counted meanwhile may be missing in parts of it.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Bounds: h.bounds, Counts: make([]uint64, len(h.bounds)), Sum: h.sum.Load()}
	for i := range h.bounds {
		s.Count += h.counts[i].Load()
		s.Counts[i] = s.Count
	}
	s.Count += h.counts[len(h.bounds)].Load()
	return s
}
