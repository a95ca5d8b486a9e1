package address

import (
	"container/heap"
	"sync"
)

// Limits are the limits of a [Bound]. Zero means no limit.
type Limits struct {
	// Total is how many values there may be.
	Total int
	// PerAddress is how many values an address may have.
	PerAddress int
	// Kept is how many values of an address are safe from others.
	Kept int
}

// Result is the result of [Bound.Add].
type Result uint8

// The results of [Bound.Add].
const (
	// Added means that the value has its place.
	Added Result = iota
	// AddressFull means that the address has as many values as it may have.
	AddressFull
	// Full means that the bound is full, and no other address has more values than this one.
	Full
)

// Bound is a bounded set of values, fair between addresses. The zero value is an empty set.
// It is safe for concurrent use, and its lock is a leaf.
//
// The caller of [Bound.Add] bounds the number of values. The caller of [Bound.Put] bounds
// their weights, with [Bound.Evict].
type Bound[T any] struct {
	mu      sync.Mutex // guards the following, and all places
	holders map[Key]*holder[T]
	byCount holderHeap[T] // holders with values that can be evicted
	length  int           // weights of all values
	added   uint64
}

// Place is the place of a value in a [Bound]. It is part of the value, so that it costs no
// allocation. The zero value is in no Bound.
type Place[T any] struct {
	value          T
	holder         *holder[T] // nil if the place is in no Bound
	older, younger *Place[T]  // of the holder
	number         uint64
	weight         int
	pinned         bool
}

// holder is an address that has values. Only values that are not pinned are in its list.
type holder[T any] struct {
	key              Key
	count            int // weights of values, pinned ones included
	evictable        int // weights of the ones in the list
	oldest, youngest *Place[T]
	index            int // in the heap; -1 without values that can be evicted
}

// Add puts a value of an address at a place, which must be in no Bound. When the bound is
// full, it evicts the oldest value of the address that has most, if that has more than this
// address and more than Kept. The caller closes the evicted value; its place is free.
func (b *Bound[T]) Add(p *Place[T], key Key, value T, l Limits) (evicted T, has bool, result Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := 0
	if h := b.holders[key]; h != nil {
		own = h.count
	}
	if l.PerAddress > 0 && own >= l.PerAddress {
		return evicted, false, AddressFull
	}
	if l.Total > 0 && b.length >= l.Total {
		if len(b.byCount) == 0 || b.byCount[0].evictable <= max(own, l.Kept) {
			return evicted, false, Full
		}
		victim := b.byCount[0].oldest
		evicted, has = victim.value, true
		b.removeLocked(victim)
	}
	b.addLocked(p, key, value, 1)
	return evicted, has, Added
}

// Put puts a value of an address at a place, which must be in no Bound, whatever the limits.
// The weight is above 0. A value of [Bound.Add] has the weight 1.
func (b *Bound[T]) Put(p *Place[T], key Key, value T, weight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(p, key, value, weight)
}

// SetWeight changes the weight of a value. It does nothing for a place that is in no Bound.
func (b *Bound[T]) SetWeight(p *Place[T], weight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, d := p.holder, weight-p.weight
	if h == nil {
		return
	}
	p.weight = weight
	h.count += d
	b.length += d
	if !p.pinned {
		h.evictable += d
		b.updateHeapLocked(h)
	}
}

// Evict removes the oldest value of the address whose values weigh most, and returns it with
// its weight. ok is false if no value can be evicted.
func (b *Bound[T]) Evict() (value T, weight int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.byCount) == 0 {
		return value, 0, false
	}
	victim := b.byCount[0].oldest
	value, weight = victim.value, victim.weight
	b.removeLocked(victim)
	return value, weight, true
}

func (b *Bound[T]) addLocked(p *Place[T], key Key, value T, weight int) {
	h := b.holders[key]
	if h == nil {
		h = &holder[T]{key: key, index: -1}
		if b.holders == nil {
			b.holders = make(map[Key]*holder[T])
		}
		b.holders[key] = h
	}
	b.added++
	*p = Place[T]{value: value, holder: h, older: h.youngest, number: b.added, weight: weight}
	if h.youngest != nil {
		h.youngest.younger = p
	} else {
		h.oldest = p
	}
	h.youngest = p
	h.count += weight
	h.evictable += weight
	b.length += weight
	b.updateHeapLocked(h)
}

// Remove frees a place. It does nothing for a place that is in no Bound.
func (b *Bound[T]) Remove(p *Place[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.holder != nil {
		b.removeLocked(p)
	}
}

func (b *Bound[T]) removeLocked(p *Place[T]) {
	h := p.holder
	b.unlistLocked(p)
	h.count -= p.weight
	b.length -= p.weight
	if h.count == 0 {
		delete(b.holders, h.key)
	}
	*p = Place[T]{}
}

// Pin keeps the value at a place from being evicted. It still counts.
func (b *Bound[T]) Pin(p *Place[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.holder != nil {
		b.unlistLocked(p)
	}
}

// unlistLocked takes a place out of the list of its holder, unless it is pinned.
func (b *Bound[T]) unlistLocked(p *Place[T]) {
	if p.pinned {
		return
	}
	h := p.holder
	if p.older != nil {
		p.older.younger = p.younger
	} else {
		h.oldest = p.younger
	}
	if p.younger != nil {
		p.younger.older = p.older
	} else {
		h.youngest = p.older
	}
	p.older, p.younger, p.pinned = nil, nil, true
	h.evictable -= p.weight
	b.updateHeapLocked(h)
}

// updateHeapLocked moves a holder to its position in the heap.
func (b *Bound[T]) updateHeapLocked(h *holder[T]) {
	switch {
	case h.evictable == 0 && h.index >= 0:
		heap.Remove(&b.byCount, h.index)
	case h.evictable == 0:
	case h.index < 0:
		heap.Push(&b.byCount, h)
	default:
		heap.Fix(&b.byCount, h.index)
	}
}

// Has reports whether a place is in the Bound.
func (b *Bound[T]) Has(p *Place[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.holder != nil
}

// Len returns the number of values, or the sum of their weights.
func (b *Bound[T]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.length
}

// holderHeap has the holder whose values weigh most first, and of several the one with the
// oldest value. It implements [heap.Interface].
type holderHeap[T any] []*holder[T]

func (h holderHeap[T]) Len() int { return len(h) }

func (h holderHeap[T]) Less(i, j int) bool {
	if h[i].evictable != h[j].evictable {
		return h[i].evictable > h[j].evictable
	}
	return h[i].oldest.number < h[j].oldest.number
}

func (h holderHeap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *holderHeap[T]) Push(x any) {
	added := x.(*holder[T])
	added.index = len(*h)
	*h = append(*h, added)
}

func (h *holderHeap[T]) Pop() any {
	last := len(*h) - 1
	removed := (*h)[last]
	(*h)[last] = nil
	*h, removed.index = (*h)[:last], -1
	return removed
}
