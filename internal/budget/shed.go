package budget

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	// shedInterval is the time between two rounds of the shedding.
	shedInterval = 100 * time.Millisecond
	// slowTime is how long the largest accounts are slowed before they are dropped.
	slowTime = time.Second
)

// shedCounts counts how often accounts were slowed, and the dropped ones.
type shedCounts struct{ slowed, dropped atomic.Uint64 }

// Shed returns how often accounts were slowed, and how many were dropped, because the process
// was above its limit.
func (p *Process) Shed() (slowed, dropped uint64) {
	return p.counts.slowed.Load(), p.counts.dropped.Load()
}

// slowEvenly slows accounts with more than 90 % of the limit divided by their number until the
// first round of the shedding finds the shares: a busy machine may run it late.
func (p *Process) slowEvenly() {
	p.even.Store(low(p.limit.Load()) / max(p.open.Load(), 1))
}

// startShedding slows and drops accounts on a goroutine that ends when the process is
// below 90 % of its limit.
func (p *Process) startShedding() {
	spawn.Go(p.log.Load(), "memory shedding", p.shed, func() { p.over.Store(false) })
}

func (p *Process) shed() {
	ticker := time.NewTicker(shedInterval)
	defer ticker.Stop()
	const heapRounds = int(slowTime / shedInterval) // between two looks at the heap
	heapExcess, measureAt := int64(0), 0
	for round := 0; ; round++ {
		used, limit := p.used.Load(), p.limit.Load()
		if round == measureAt {
			heapExcess, measureAt = p.measureHeapExcess(used, limit), round+heapRounds
		}
		excess := max(used-low(limit), heapExcess)
		if limit <= 0 || excess <= 0 {
			break
		}
		above := p.findConsumers(excess, limit)
		if (round >= heapRounds || used >= high(limit)) && p.dropLargest(above) {
			heapExcess, measureAt = 0, round+heapRounds // when the connections have closed
		}
		p.endRound()
		<-ticker.C
	}
	p.over.Store(false)
	p.endRound()
	p.checkHeap()
	p.add(0) // it may have reached the limit again meanwhile
}

// measureHeapExcess returns how many bytes the accounts should release because of the heap. It
// is larger than they are: with the process's other memory, and with their own that is not
// counted. As long as accounts have more than half of the limit, they are its main cause.
func (p *Process) measureHeapExcess(used, limit int64) int64 {
	if used <= limit/2 {
		return 0
	}
	return min(p.measureHeap(limit)-low(limit), used-limit/2)
}

// dropLargest drops accounts of addresses that have too much, the largest first, until each
// address is about to have no more than the others. Accounts that were dropped a moment ago,
// and are not closed yet, count. It reports whether it dropped one.
func (p *Process) dropLargest(above []*consumer) (dropped bool) {
	now := time.Now()
	for _, c := range above {
		var largest []sizedAccount
		share := c.share.Load()
		for _, a := range c.accounts {
			switch bytes := a.Used(); {
			case !a.droppedAt.IsZero(): // a handler may keep its memory for long
				if now.Sub(a.droppedAt) < slowTime {
					c.excess -= bytes
				}
			case bytes > share:
				largest = append(largest, sizedAccount{a, bytes})
			}
		}
		slices.SortFunc(largest, func(a, b sizedAccount) int { return cmp.Compare(b.bytes, a.bytes) })
		for i := 0; i < len(largest) && c.excess > 0; i++ {
			largest[i].droppedAt = now
			p.postponeCollection(now.Add(closeTime)) // the heap is about to change
			p.counts.dropped.Add(1)
			spawn.Call(p.log.Load(), "memory shedding", largest[i].drop, nil)
			c.excess -= largest[i].bytes
			dropped = true
		}
	}
	return dropped
}

// sizedAccount is an account with the bytes that it had when it was compared.
type sizedAccount struct {
	*Account
	bytes int64
}

// nextRound returns a channel that the next round of the shedding closes.
func (p *Process) nextRound() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.round == nil {
		p.round = make(chan struct{})
	}
	return p.round
}

// endRound wakes the readers that are slowed: each looks again whether it is.
func (p *Process) endRound() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.round != nil {
		close(p.round)
		p.round = nil
	}
}
