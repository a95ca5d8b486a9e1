package roster

import (
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/table"
)

const (
	// maxBlock is how many members a block of a memberList has before it is divided.
	maxBlock = 512
	// A list with more than indexedFrom members has a table; with fewer than indexedTo it has none.
	indexedFrom = 64
	indexedTo   = 16
)

// memberList is the members of a room, sorted by their keys. It is divided into blocks, so
// that adding one to a long list moves few others. The zero value is empty.
type memberList struct {
	blocks [][]*member // none is empty
	length int
	// byKey finds a member of a long list. It is nil for a short one: most rooms have few
	// members, and a table takes more memory than they do.
	byKey *table.Table[string, *member]
}

// compareKey compares a member's key with another key.
func compareKey(m *member, key string) int { return strings.Compare(m.key, key) }

// findBlock returns the index of the block that has a key or would have it.
func (l *memberList) findBlock(key string) int {
	i, found := slices.BinarySearchFunc(l.blocks, key, func(b []*member, key string) int { return compareKey(b[0], key) })
	if !found && i > 0 {
		i--
	}
	return i
}

// findMember returns the member with a key, nil if there is none.
func (l *memberList) findMember(key string) *member {
	if l.byKey != nil {
		m, _ := l.byKey.Value(key)
		return m
	}
	if len(l.blocks) == 0 {
		return nil
	}
	block := l.blocks[l.findBlock(key)]
	if at, found := slices.BinarySearchFunc(block, key, compareKey); found {
		return block[at]
	}
	return nil
}

// addMember adds a member whose key is not in the list.
func (l *memberList) addMember(m *member) {
	l.length++
	switch {
	case l.byKey != nil:
		l.byKey.Put(m.key, m)
	case l.length > indexedFrom:
		l.indexMembers()
		l.byKey.Put(m.key, m)
	}
	if len(l.blocks) == 0 {
		l.blocks = [][]*member{{m}}
		return
	}
	i := l.findBlock(m.key)
	at, _ := slices.BinarySearchFunc(l.blocks[i], m.key, compareKey)
	block := slices.Insert(l.blocks[i], at, m)
	l.blocks[i] = block
	if half := len(block) / 2; len(block) > maxBlock {
		l.blocks = slices.Insert(l.blocks, i+1, slices.Clone(block[half:]))
		clear(block[half:]) // otherwise it keeps members that leave
		l.blocks[i] = block[:half:half]
	}
}

// indexMembers makes the table.
func (l *memberList) indexMembers() {
	l.byKey = new(table.Table[string, *member])
	for _, block := range l.blocks {
		for _, m := range block {
			l.byKey.Put(m.key, m)
		}
	}
}

// removeMember removes the member with a key, if it is in the list.
func (l *memberList) removeMember(key string) {
	if len(l.blocks) == 0 {
		return
	}
	i := l.findBlock(key)
	at, found := slices.BinarySearchFunc(l.blocks[i], key, compareKey)
	if !found {
		return
	}
	l.length--
	if l.length < indexedTo {
		l.byKey = nil
	} else if l.byKey != nil {
		l.byKey.Delete(key)
	}
	if l.blocks[i] = slices.Delete(l.blocks[i], at, at+1); len(l.blocks[i]) == 0 {
		l.blocks = slices.Delete(l.blocks, i, i+1)
	}
}

// membersAfter iterates over the members whose keys come after a key, in order.
func (l *memberList) membersAfter(after string) func(yield func(*member) bool) {
	return func(yield func(*member) bool) {
		if len(l.blocks) == 0 {
			return
		}
		first := l.findBlock(after)
		for i, block := range l.blocks[first:] {
			at := 0
			if i == 0 {
				found := false
				if at, found = slices.BinarySearchFunc(block, after, compareKey); found {
					at++
				}
			}
			for _, m := range block[at:] {
				if !yield(m) {
					return
				}
			}
		}
	}
}
