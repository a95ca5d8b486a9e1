package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that are 3 % wide at most.
type Histogram struct {
	buckets [64 * subBuckets]uint32
	total   uint64
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

// bucketOf returns the index of the bucket of n nanoseconds.
func bucketOf(n uint64) int {
	shift := max(bits.Len64(n)-subBits-1, 0)
	return shift*subBuckets + int(n>>shift)
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.buckets[bucketOf(uint64(max(d, 0)))]++
	h.total++
}

// Quantile returns the duration that a part q of all durations does not exceed, or 0 without
// any.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := min(uint64(q*float64(h.total)), max(h.total, 1)-1)
	for i, n := range h.buckets {
		if uint64(n) > rank {
			shift := max(i/subBuckets-1, 0)
			return time.Duration(i-shift*subBuckets) << shift
		}
		rank -= uint64(n)
	}
	return 0
}
