package address

import (
	"maps"
	"sync"
	"time"
)

const (
	// maxBuckets is how many buckets are kept. Above it, any other one is dropped for each
	// new one: an attacker with so many addresses needs no second use of any.
	maxBuckets = 100_000
	// sweepInterval is the least time between two removals of all full buckets.
	sweepInterval = time.Minute
)

// Buckets are token buckets of addresses, counted in time: a bucket of the size 10 s with a
// cost of 2 s has 5 tokens, and one more every 2 s. Full buckets are dropped when another one
// is used, a minute later at most. The zero value has full buckets. A bucket of package
// bucket would need its rate to be found full. It is safe for concurrent use, and its lock is a
// leaf.
type Buckets struct {
	mu      sync.Mutex // guards the following
	epoch   time.Time  // when the clock began
	buckets map[Key]bucket
	swept   time.Duration // when the full ones were removed, since the epoch
}

// bucket is a bucket that is not full.
type bucket struct {
	fullAt time.Duration // since the epoch
	marked bool
}

// Take takes the cost of one token out of the bucket of an address. If it has too little,
// it takes nothing and returns how long the address must wait.
func (b *Buckets) Take(key Key, cost, size time.Duration) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.readClock()
	filled := b.buckets[key]
	used := max(filled.fullAt-now, 0) + cost
	if used > size {
		return used - size
	}
	filled.fullAt = now + used
	b.storeBucket(key, filled, now)
	return 0
}

// Spend takes a cost out of the bucket of an address, even if it has too little, but not
// beyond most. It returns how much is used up now.
func (b *Buckets) Spend(key Key, cost, most time.Duration) (used time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.readClock()
	filled := b.buckets[key]
	used = min(max(filled.fullAt-now, 0)+cost, most)
	filled.fullAt = now + used
	b.storeBucket(key, filled, now)
	return used
}

// Used returns how much is used up of the bucket of an address.
func (b *Buckets) Used(key Key) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if filled, ok := b.buckets[key]; ok {
		return max(filled.fullAt-b.readClock(), 0)
	}
	return 0
}

// Mark marks the bucket of an address until it is full. It reports whether it was unmarked.
func (b *Buckets) Mark(key Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	filled, ok := b.buckets[key]
	if !ok || filled.marked {
		return false
	}
	filled.marked = true
	b.buckets[key] = filled
	return true
}

// readClock returns the time since the epoch.
func (b *Buckets) readClock() time.Duration {
	if b.epoch.IsZero() {
		b.epoch = time.Now()
	}
	return time.Since(b.epoch)
}

// storeBucket stores a bucket, and keeps their number within limits.
func (b *Buckets) storeBucket(key Key, filled bucket, now time.Duration) {
	if b.buckets == nil {
		b.buckets = make(map[Key]bucket)
	}
	b.buckets[key] = filled
	if now-b.swept >= sweepInterval {
		b.swept = now
		maps.DeleteFunc(b.buckets, func(_ Key, content bucket) bool { return content.fullAt <= now })
	}
	for other := range b.buckets {
		if len(b.buckets) <= maxBuckets {
			break
		}
		if other != key {
			delete(b.buckets, other)
		}
	}
}
