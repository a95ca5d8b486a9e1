package budget

import (
	"runtime"
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

// shedCounts counts the accounts that were slowed and dropped.
type shedCounts struct{ slowed, dropped atomic.Uint64 }

// Shed returns how many accounts were slowed and dropped because the process was above its
// limit.
func (p *Process) Shed() (slowed, dropped uint64) {
	return p.counts.slowed.Load(), p.counts.dropped.Load()
}

// startShedding slows and drops accounts on a goroutine that ends when the process is
// below 90 % of its limit.
func (p *Process) startShedding() {
	spawn.Go(p.log.Load(), "memory shedding", p.shed, func() { p.over.Store(false) })
}

func (p *Process) shed() {
	ticker := time.NewTicker(shedInterval)
	defer ticker.Stop()
	for began := time.Now(); ; <-ticker.C {
		used, limit := p.used.Load(), p.limit.Load()
		if limit <= 0 || used < low(limit) {
			break
		}
		accounts := p.listAccounts()
		fair := low(limit) / int64(max(len(accounts), 1))
		p.slowLargest(accounts, fair)
		if time.Since(began) >= slowTime || used >= limit+limit/10 {
			p.dropLargest(accounts, fair, used-low(limit))
		}
		p.endRound()
	}
	for _, a := range p.listAccounts() {
		a.paused.Store(false)
	}
	p.endRound()
	p.over.Store(false)
	p.checkHeap()
	p.add(0) // it may have reached the limit again meanwhile
}

// slowLargest pauses the reading of the accounts with more than a fair share, and of these
// only.
func (p *Process) slowLargest(accounts []*Account, fair int64) {
	for _, a := range accounts {
		slow := a.Used() > fair
		if a.paused.Swap(slow) != slow && slow {
			p.counts.slowed.Add(1)
		}
	}
}

// dropLargest drops accounts with more than a fair share, the largest first, until excess
// bytes are about to be released. Accounts that were dropped before, and are not closed yet,
// count.
func (p *Process) dropLargest(accounts []*Account, fair, excess int64) {
	type consumer struct {
		*Account
		bytes int64
	}
	var largest []consumer
	for _, a := range accounts {
		switch bytes := a.Used(); {
		case a.dropped.Load():
			excess -= bytes
		case bytes > fair:
			largest = append(largest, consumer{a, bytes})
		}
	}
	slices.SortFunc(largest, func(a, b consumer) int { return int(b.bytes - a.bytes) })
	for _, c := range largest {
		if excess <= 0 {
			return
		}
		c.dropped.Store(true)
		p.counts.dropped.Add(1)
		spawn.Call(p.log.Load(), "memory shedding", c.drop, nil)
		excess -= c.bytes
	}
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

// runGC collects garbage.
func runGC() { runtime.GC() }
