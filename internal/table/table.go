// Package table has a map that releases memory.
package table

import (
	"hash/maphash"
	"iter"
	"maps"
)

const (
	// tableParts is the number of maps in a large table.
	tableParts = 64
	// A table with more than tableLarge entries is divided into parts; with fewer than
	// tableSmall it becomes a single map again.
	tableLarge = 2048
	tableSmall = 256
	// A part is rebuilt when three quarters of it are unused, unless it never had more entries
	// than this.
	alwaysKept = 32
)

// Table is a map that releases memory, which Go's maps do not. A large table is
// divided into parts. They are rebuilt one by one, so that no rebuild takes long.
// The zero value is an empty table.
type Table[K comparable, V any] struct {
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
func (t *Table[K, V]) partOf(key K) *part[K, V] {
	if len(t.parts) == 1 {
		return &t.parts[0]
	}
	return &t.parts[maphash.Comparable(t.seed, key)%tableParts]
}

// Len returns the number of entries.
func (t *Table[K, V]) Len() int { return t.length }

// Value returns the value of a key.
func (t *Table[K, V]) Value(key K) (V, bool) {
	if len(t.parts) == 0 {
		var none V
		return none, false
	}
	v, ok := t.partOf(key).entries[key]
	return v, ok
}

// Put adds an entry. The caller has checked that key is not in the table.
func (t *Table[K, V]) Put(key K, v V) {
	if len(t.parts) == 0 {
		t.parts = make([]part[K, V], 1)
	} else if len(t.parts) == 1 && t.length >= tableLarge {
		t.divideInto(tableParts)
	}
	t.partOf(key).putEntry(key, v)
	t.length++
}

// Set adds an entry, or changes the value of the key.
func (t *Table[K, V]) Set(key K, v V) {
	if _, known := t.Value(key); known {
		t.partOf(key).entries[key] = v
	} else {
		t.Put(key, v)
	}
}

// Delete removes an entry. The caller has checked that key is in the table.
func (t *Table[K, V]) Delete(key K) {
	p := t.partOf(key)
	delete(p.entries, key)
	t.length--
	switch {
	case len(t.parts) > 1 && t.length < tableSmall:
		t.divideInto(1)
	case p.peak > alwaysKept && len(p.entries) <= p.peak/4:
		p.rebuildMap()
	}
}

// divideInto distributes the entries over so many parts.
func (t *Table[K, V]) divideInto(parts int) {
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

// Parts returns the number of maps that hold the entries. Put and Delete change it.
func (t *Table[K, V]) Parts() int { return len(t.parts) }

// Part returns one of the maps. The caller does not change it.
func (t *Table[K, V]) Part(i int) map[K]V { return t.parts[i].entries }

// All iterates over the entries, in no order. One that is added or deleted meanwhile is yielded
// or not.
func (t *Table[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		parts := t.parts // a change may divide the table in another way
		for i := range parts {
			for key, v := range parts[i].entries {
				if !yield(key, v) {
					return
				}
			}
		}
	}
}

// Capacity returns for how many entries the table has memory.
func (t *Table[K, V]) Capacity() (n int) {
	for i := range t.parts {
		n += t.parts[i].peak
	}
	return n
}
