package rooms

import (
	"hash/maphash"
	"maps"
)

const (
	// tableParts is the number of maps in a large table.
	tableParts = 64
	// A table with more than tableLarge entries is divided into parts; with fewer than
	// tableSmall it becomes a single map again.
	tableLarge = 2048
	tableSmall = 256
)

// table is a map that releases memory, which Go's maps do not. A large table is
// divided into parts. They are rebuilt one by one, so that no rebuild takes long.
// The zero value is an empty table.
type table[K comparable, V any] struct {
	length int
	parts  []part[K, V] // none, one or tableParts
	seed   maphash.Seed // selects the part of a key; constant once set
	seeded bool         // seed is set
}

// part is one of the maps of a table.
type part[K comparable, V any] struct {
	entries map[K]V
	peak    int // largest size of entries since the map was made
}

// partOf returns the part of a key. The table has a part.
func (t *table[K, V]) partOf(key K) *part[K, V] {
	if len(t.parts) == 1 {
		return &t.parts[0]
	}
	return &t.parts[maphash.Comparable(t.seed, key)%tableParts]
}

// getValue returns the value of a key.
func (t *table[K, V]) getValue(key K) (V, bool) {
	if len(t.parts) == 0 {
		var none V
		return none, false
	}
	v, ok := t.partOf(key).entries[key]
	return v, ok
}

// putEntry adds an entry. The caller has checked that key is not in the table.
func (t *table[K, V]) putEntry(key K, v V) {
	if len(t.parts) == 0 {
		t.parts = make([]part[K, V], 1)
	} else if len(t.parts) == 1 && t.length >= tableLarge {
		t.divideInto(tableParts)
	}
	t.partOf(key).putEntry(key, v)
	t.length++
}

// deleteEntry removes an entry. The caller has checked that key is in the table.
func (t *table[K, V]) deleteEntry(key K) {
	p := t.partOf(key)
	delete(p.entries, key)
	t.length--
	switch {
	case len(t.parts) > 1 && t.length < tableSmall:
		t.divideInto(1)
	case p.peak > 2*linearSearchLimit && len(p.entries) <= p.peak/4:
		p.rebuildMap()
	}
}

// divideInto distributes the entries over so many parts.
func (t *table[K, V]) divideInto(parts int) {
	if !t.seeded {
		t.seed, t.seeded = maphash.MakeSeed(), true
	}
	old := t.parts
	t.parts = make([]part[K, V], parts)
	for _, p := range old {
		for key, v := range p.entries {
			t.partOf(key).putEntry(key, v)
		}
	}
}

// putEntry adds an entry to the part.
func (p *part[K, V]) putEntry(key K, v V) {
	if p.entries == nil {
		p.entries = make(map[K]V)
	}
	p.entries[key] = v
	p.peak = max(p.peak, len(p.entries))
}

// rebuildMap copies the entries to a map of the right size.
func (p *part[K, V]) rebuildMap() {
	old := p.entries
	*p = part[K, V]{entries: make(map[K]V, len(old)), peak: len(old)}
	maps.Copy(p.entries, old)
}
