// Package bucket limits rates by token buckets of two words. A bucket knows neither its
// rate nor the clock: both may change from one call to the next, and a config that has
// come into use applies at once.
package bucket

import "time"

// Rate is how fast a bucket fills, and how many tokens it holds. The zero value is no
// limit.
type Rate struct {
	// PerSecond is how many tokens a bucket gets in a second. Zero means no limit.
	PerSecond float64
	// Burst is how many tokens a full bucket holds.
	Burst float64
}

// IsLimit reports whether the rate is a limit.
func (r Rate) IsLimit() bool { return r.PerSecond > 0 }

// Bucket holds tokens. The zero value is full. It is not safe for concurrent use. Times
// are nanoseconds of any monotonic clock.
type Bucket struct {
	spent float64 // tokens that a full bucket has more
	at    int64   // the time of spent
}

// refill adds the tokens of the time that has passed. Without a limit the bucket is full.
func (b *Bucket) refill(r Rate, now int64) {
	if !r.IsLimit() {
		b.spent = 0
	}
	if now > b.at {
		b.spent = max(0, b.spent-float64(now-b.at)/float64(time.Second)*r.PerSecond)
		b.at = now
	}
}

// CanTake reports whether the bucket holds n tokens. A full bucket also gives more than
// it holds: its next tokens come later.
func (b *Bucket) CanTake(r Rate, n float64, now int64) bool {
	b.refill(r, now)
	return !r.IsLimit() || b.spent == 0 || b.spent+n <= r.Burst
}

// Take takes n tokens, if CanTake allows it. It reports whether it did.
func (b *Bucket) Take(r Rate, n float64, now int64) bool {
	if !b.CanTake(r, n, now) {
		return false
	}
	if r.IsLimit() {
		b.spent += n
	}
	return true
}

// Spend takes n tokens, even if the bucket holds fewer: then it owes them, but never more
// than it gets in maxDebt.
func (b *Bucket) Spend(r Rate, n float64, maxDebt time.Duration, now int64) {
	b.refill(r, now)
	b.spent = min(b.spent+n, r.Burst+r.PerSecond*maxDebt.Seconds())
}

// Debt returns how long it takes until the bucket owes no tokens.
func (b *Bucket) Debt(r Rate, now int64) time.Duration {
	b.refill(r, now)
	if !r.IsLimit() || b.spent <= r.Burst {
		return 0
	}
	return time.Duration((b.spent-r.Burst)/r.PerSecond*float64(time.Second)) + 1
}

// IsFull reports whether the bucket is full: a new one is the same.
func (b *Bucket) IsFull(r Rate, now int64) bool {
	b.refill(r, now)
	return b.spent == 0
}
