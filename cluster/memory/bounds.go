package memory

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
)

const (
	maxTotalLost    = 256 << 20 // bytes of the lost sockets of all logs
	maxTotalEntries = 256 << 20 // bytes of the events and operations of all logs
)

// Bounds count and bound the memory of several logs: each of lost sockets and of entries has
// 256 MiB, and at most an eighth of the memory limit. Beyond that, the oldest lost socket of
// the address that holds most goes, and the oldest entries of the log that holds most. So one
// client cannot drop the lost sockets of others.
type Bounds struct {
	// Static after construction.
	addressOf func(*cluster.LostSocket) address.Key
	entries   *budget.Cache
	part      *budget.Part // all lost sockets

	lost address.Bound[*lostSocket]
}

// NewBounds returns the bounds of logs that a process counts. addressOf returns the address
// that a lost socket counts for.
func NewBounds(p *budget.Process, addressOf func(*cluster.LostSocket) address.Key) *Bounds {
	b := &Bounds{addressOf: addressOf, entries: p.NewCache(budget.Recovery, maxTotalEntries)}
	b.part = p.NewCache(budget.Recovery, maxTotalLost).NewPart(b.evictLost)
	return b
}

// evictLost removes the oldest lost sockets of the addresses that hold most, of about n bytes.
func (b *Bounds) evictLost(n int64) {
	for n > 0 {
		lost, size, ok := b.lost.Evict()
		if !ok {
			return
		}
		lost.log.removeEvicted(lost)
		n -= int64(size)
	}
}
