package budget

import (
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// cacheShare is the part of the process's limit that a cache may have: an eighth.
const cacheShare = 8

// Cache is memory of one kind that is kept because of clients, but of no connection: the
// state of clients that may return, for instance. It has an account while it is not empty. So
// the process counts it, and shrinks it like the connections that hold most. It is safe for
// concurrent use.
type Cache struct {
	// Static after construction.
	process *Process
	kind    Kind
	most    int64

	bytes atomic.Int64 // changed with mu held

	mu      sync.Mutex // guards the following; goes before Process.mu
	parts   map[*Part]struct{}
	account *Account // nil while the cache is empty
}

// Part is the part of a [Cache] that one owner has, and can make smaller.
type Part struct {
	// Static after construction.
	cache *Cache
	trim  func(n int64)

	bytes int64 // guarded by Cache.mu
}

// NewCache returns an empty cache that has at most so many bytes, and at most an eighth of
// the process's limit.
func (p *Process) NewCache(kind Kind, most int64) *Cache {
	return &Cache{process: p, kind: kind, most: most, parts: make(map[*Part]struct{})}
}

// NewPart returns an empty part. trim releases about n bytes of it, with [Part.Add]. It is
// called without a lock, and may be called by several goroutines at a time.
func (c *Cache) NewPart(trim func(n int64)) *Part { return &Part{cache: c, trim: trim} }

// Add adds n bytes, which may be negative. Afterwards the caller calls [Part.Trim] without a
// lock that trim takes.
func (p *Part) Add(n int) {
	c := p.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.bytes += int64(n); p.bytes > 0 {
		c.parts[p] = struct{}{}
	} else {
		delete(c.parts, p)
	}
	c.bytes.Add(int64(n))
	if c.account == nil && len(c.parts) > 0 {
		c.openLocked()
	} else if c.account != nil {
		c.account.Add(c.kind, n)
	}
	if c.account != nil && len(c.parts) == 0 {
		c.account.Close()
		c.account = nil
	}
}

// openLocked opens an account with the bytes of the cache. It is of no address.
func (c *Cache) openLocked() {
	var a *Account
	a = c.process.Open(address.Key{}, new(atomic.Int64), func() { c.halve(a) })
	c.account = a
	a.Add(c.kind, int(c.bytes.Load()))
}

// halve makes the cache half as large, and gives it another account for the rest: the process
// drops an account once.
func (c *Cache) halve(old *Account) {
	c.mu.Lock()
	if c.account != old {
		c.mu.Unlock()
		return
	}
	c.openLocked()
	c.mu.Unlock()
	old.Close()
	c.trimTo(c.bytes.Load() / 2)
}

// Trim makes the cache smaller while it exceeds its limit. The part that has most loses half
// of it.
func (p *Part) Trim() {
	if limit := p.cache.limit(); p.cache.bytes.Load() > limit {
		p.cache.trimTo(limit - limit/16) // so that it happens rarely
	}
}

// limit returns how many bytes the cache may have.
func (c *Cache) limit() int64 {
	if limit := c.process.Limit(); limit > 0 {
		return min(c.most, limit/cacheShare)
	}
	return c.most
}

// trimTo has the largest parts release memory until the cache has at most so many bytes.
func (c *Cache) trimTo(most int64) {
	for {
		excess := c.bytes.Load() - most
		largest, bytes := c.largestPart()
		if excess <= 0 || largest == nil {
			return
		}
		before := c.bytes.Load()
		largest.trim(min(excess, bytes/2+1))
		if c.bytes.Load() >= before { // other goroutines add as much: they trim, too
			return
		}
	}
}

// largestPart returns the part that has most, nil if the cache is empty.
func (c *Cache) largestPart() (largest *Part, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.parts {
		if largest == nil || p.bytes > bytes {
			largest, bytes = p, p.bytes
		}
	}
	return largest, bytes
}
