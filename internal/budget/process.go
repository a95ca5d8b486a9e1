package budget

import (
	"math"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

const (
	// watchInterval is the time between two looks at the heap.
	watchInterval = time.Second
	// collectInterval is the time between two collections of garbage while the heap alone
	// is too large: without new connections there may be none for minutes.
	collectInterval = 2 * time.Second
	// closeTime is how long dropped connections may take to release their memory.
	closeTime = slowTime / 2
)

// Process is the budget of all connections of a process. It is safe for concurrent use.
type Process struct {
	// Static after construction.
	heap    func() int64 // bytes of the heap and of stacks in use
	collect func()       // collects garbage

	log    atomic.Pointer[zap.Logger]
	limit  atomic.Int64 // 0 for none
	used   atomic.Int64 // of all accounts, and Shared once
	shared Shared

	_    [64]byte    // the following are read for each message, and change rarely
	full atomic.Bool // connections are refused, see Refuses
	over atomic.Bool // the goroutine that sheds runs

	level atomic.Int64 // of addresses, see findConsumers
	open  atomic.Int64 // the number of accounts
	even  atomic.Int64 // accounts with more are slowed before the first round, see slowEvenly

	counts shedCounts

	mu        sync.Mutex // guards the following; a leaf
	accounts  map[*Account]address.Key
	owners    map[address.Key]*owner // with accounts
	watching  bool                   // the timer is set
	round     chan struct{}          // closed by the next round of the shedding; nil if not awaited
	collectAt time.Time              // garbage is not collected before
}

// NewProcess returns a process with a limit in bytes; 0 means none.
func NewProcess(limit int64) *Process {
	p := &Process{
		heap: measureMemory, collect: runtime.GC,
		accounts: make(map[*Account]address.Key), owners: make(map[address.Key]*owner),
	}
	p.shared.process = p
	p.even.Store(math.MaxInt64)
	p.limit.Store(limit)
	return p
}

// SetLog sets the logger; nil logs nothing.
func (p *Process) SetLog(log *zap.Logger) { p.log.Store(log) }

// SetLimit sets the limit in bytes; 0 means none.
func (p *Process) SetLimit(limit int64) {
	p.limit.Store(limit)
	p.startWatching()
	p.add(0)
}

// Limit returns the limit in bytes; 0 means none.
func (p *Process) Limit() int64 { return p.limit.Load() }

// Used returns the bytes that all accounts are charged for. Bytes that accounts share count
// once.
func (p *Process) Used() int64 { return p.used.Load() }

// Full reports whether connections are to be refused, see [Process.Refuses]: the accounts or
// the heap have reached the limit, and are not below 90 % since.
func (p *Process) Full() bool { return p.full.Load() }

// Open returns the account of a new connection of an address, with one holder. limit is the
// bytes that it may use, 0 for no limit. drop closes the connection when the process sheds it;
// it is called at most once, without a lock.
func (p *Process) Open(key address.Key, limit *atomic.Int64, drop func()) *Account {
	a := &Account{process: p, limit: limit, drop: drop}
	a.holders.Store(1)
	p.addAccount(a, key)
	p.startWatching()
	return a
}

// listAccounts returns the open accounts.
func (p *Process) listAccounts() []*Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*Account, 0, len(p.accounts))
	for a := range p.accounts {
		list = append(list, a)
	}
	return list
}

// Usage returns the bytes of each kind by its name, of all accounts. Bytes that accounts
// share count for each of them.
func (p *Process) Usage() map[string]int64 {
	var sums [KindCount]int64
	for _, a := range p.listAccounts() {
		for k, n := range a.Kinds() {
			sums[k] += n
		}
	}
	usage := make(map[string]int64, KindCount)
	for k, n := range sums {
		usage[Kind(k).String()] = n
	}
	return usage
}

// Shared counts bytes that several accounts are charged for, once.
type Shared struct{ process *Process }

// Shared returns the counter of shared bytes.
func (p *Process) Shared() *Shared { return &p.shared }

// Add adds n bytes.
func (s *Shared) Add(n int) { s.process.add(int64(n)) }

// add adds n bytes to the count, and starts the shedding at the limit.
func (p *Process) add(n int64) {
	used := p.used.Add(n)
	if limit := p.limit.Load(); limit > 0 && used >= limit && n >= 0 && p.over.CompareAndSwap(false, true) {
		p.slowEvenly()
		p.setFull(true, used, 0)
		p.startShedding()
	}
}

// startWatching sets the timer that watches the heap, unless it is set. A process without
// accounts needs none, unless it is full.
func (p *Process) startWatching() {
	if p.limit.Load() <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.watching && (len(p.accounts) > 0 || p.full.Load()) {
		p.watching = true
		time.AfterFunc(watchInterval, p.watchHeap)
	}
}

// watchHeap looks at the heap, and sets the timer again.
func (p *Process) watchHeap() {
	spawn.Call(p.log.Load(), "memory watch", p.checkHeap, nil)
	p.mu.Lock()
	p.watching = false
	p.mu.Unlock()
	p.startWatching()
}

// checkHeap compares the heap with the limit. Beyond it, connections are refused. Accounts
// are dropped only if they are the main cause, see measureHeapExcess.
func (p *Process) checkHeap() {
	limit, used := p.limit.Load(), p.used.Load()
	heap := p.measureHeap(limit)
	switch {
	case limit <= 0:
		p.setFull(false, used, heap)
	case heap >= limit || p.full.Load() && heap >= low(limit):
		p.setFull(true, used, heap)
		if used > limit/2 && p.over.CompareAndSwap(false, true) {
			p.startShedding()
		}
	case heap < low(limit) && used < low(limit) && !p.over.Load():
		p.setFull(false, used, heap)
	}
}

// measureHeap returns the bytes of the heap. If connections are refused because of them, it
// collects garbage before, unless it did a moment ago, or dropped connections are closing.
func (p *Process) measureHeap(limit int64) int64 {
	heap := p.heap()
	tooLarge := heap >= limit || p.full.Load() && heap >= low(limit)
	if limit <= 0 || !tooLarge || !p.takeCollection() {
		return heap
	}
	p.collect()
	return p.heap()
}

// takeCollection reports whether garbage may be collected now. The next time is later.
func (p *Process) takeCollection() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.collectAt) {
		return false
	}
	p.collectAt = now.Add(collectInterval)
	return true
}

// postponeCollection collects no garbage before a time.
func (p *Process) postponeCollection(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.collectAt = until
}

// low returns the bytes below which a process is not full any more.
func low(limit int64) int64 { return limit - limit/10 }

// high returns the bytes at which accounts are dropped at once, and all connections refused.
func high(limit int64) int64 { return limit + limit/10 }

// setFull opens or closes the door for new connections, and logs a change.
func (p *Process) setFull(full bool, used, heap int64) {
	if p.full.Swap(full) == full {
		return
	}
	log := p.log.Load()
	if log == nil {
		return
	}
	fields := []zap.Field{zap.Int64("limit", p.limit.Load()), zap.Int64("used", used), zap.Int64("heap", heap)}
	if full {
		log.Warn("memory limit reached: new connections are refused (max_memory)", fields...)
	} else {
		log.Info("memory is below the limit again: connections are accepted", fields...)
	}
}

// measureMemory returns the bytes of the heap that were in use at the latest collection of
// garbage, and the bytes of the stacks of all goroutines. A stack is no part of the heap, and a
// goroutine that waits for a backend keeps one.
func measureMemory() (bytes int64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	for _, sample := range samples {
		if sample.Value.Kind() == metrics.KindUint64 {
			bytes += int64(sample.Value.Uint64())
		}
	}
	return bytes
}
