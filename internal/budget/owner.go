package budget

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// owner is an address that has accounts.
type owner struct {
	used     atomic.Int64 // of its accounts, as the process's count has it
	share    atomic.Int64 // its accounts with more are slowed; math.MaxInt64 for none
	accounts int          // guarded by Process.mu
}

// addAccount adds an account of an address.
func (p *Process) addAccount(a *Account, key address.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.owners[key]
	if o == nil {
		o = new(owner)
		o.share.Store(math.MaxInt64)
		p.owners[key] = o
	}
	o.accounts++
	a.owner = o
	p.accounts[a] = key
	p.open.Store(int64(len(p.accounts)))
}

func (p *Process) removeAccount(a *Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.accounts[a]
	delete(p.accounts, a)
	p.open.Store(int64(len(p.accounts)))
	if a.owner.accounts--; a.owner.accounts == 0 {
		delete(p.owners, key)
	}
}

// Refuses reports whether a connection of an address is to be refused. A full process that
// sheds refuses the addresses that have more than the others: they make room. It refuses all
// addresses at 110 % of the limit, and while the shedding can't help.
func (p *Process) Refuses(key address.Key) bool {
	if !p.full.Load() {
		return false
	}
	level := p.level.Load()
	if !p.over.Load() || level == math.MaxInt64 || p.used.Load() >= high(p.limit.Load()) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.owners[key]
	return o != nil && (o.share.Load() != math.MaxInt64 || o.used.Load() >= level)
}

// consumer is an address in one round of the shedding, with the accounts that it had then.
type consumer struct {
	*owner
	accounts []*Account
	bytes    int64
	excess   int64 // bytes above the level of all addresses
}

// findConsumers returns the addresses that have more than the others, and sets the share of
// each address. The level is as high as possible: if no address had more, the accounts would
// have excess bytes less. Within an address, a share is found likewise, so that a large
// connection does not cost its neighbours behind a proxy theirs. Accounts keep half of the
// limit: beyond that, they are not the main use of memory.
func (p *Process) findConsumers(excess, limit int64) (above []*consumer) {
	all := make(map[*owner]*consumer)
	var total int64
	for _, a := range p.listAccounts() {
		c := all[a.owner]
		if c == nil {
			c = &consumer{owner: a.owner}
			all[a.owner] = c
		}
		bytes := a.Used()
		c.accounts = append(c.accounts, a)
		c.bytes += bytes
		total += bytes
	}
	sizes := make([]int64, 0, len(all))
	for _, c := range all {
		sizes = append(sizes, c.bytes)
	}
	level := findLevel(sizes, max(total-excess, limit/2))
	p.level.Store(level)
	defer p.even.Store(math.MaxInt64)
	for _, c := range all {
		share := int64(math.MaxInt64)
		if c.excess = c.bytes - level; c.excess > 0 {
			above = append(above, c)
			share = findLevel(c.listSizes(), level)
		}
		c.share.Store(share)
	}
	return above
}

// listSizes returns the bytes of each account.
func (c *consumer) listSizes() []int64 {
	sizes := make([]int64, 0, len(c.accounts))
	for _, a := range c.accounts {
		sizes = append(sizes, a.Used())
	}
	return sizes
}

// findLevel returns the level above which sizes are cut so that their sum is the capacity. It
// is math.MaxInt64 if the sum is not larger. It sorts the sizes.
func findLevel(sizes []int64, capacity int64) int64 {
	slices.Sort(sizes)
	for i, size := range sizes {
		if even := capacity / int64(len(sizes)-i); size > even {
			return even
		}
		capacity -= size
	}
	return math.MaxInt64
}
