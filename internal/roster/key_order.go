package roster

import (
	"slices"
	"strings"
)

// maxBlock is how many keys a block of a keyOrder has before it is divided.
const maxBlock = 512

// keyOrder is a sorted list of different keys. It is divided into blocks, so that adding
// a key to a long list moves few others. The zero value is empty.
type keyOrder struct {
	blocks [][]string // none is empty
}

// findBlock returns the index of the block that has a key or would have it.
func (o *keyOrder) findBlock(key string) int {
	i, found := slices.BinarySearchFunc(o.blocks, key, func(b []string, key string) int { return strings.Compare(b[0], key) })
	if !found && i > 0 {
		i--
	}
	return i
}

// addKey adds a key that is not in the list.
func (o *keyOrder) addKey(key string) {
	if len(o.blocks) == 0 {
		o.blocks = [][]string{{key}}
		return
	}
	i := o.findBlock(key)
	at, _ := slices.BinarySearch(o.blocks[i], key)
	block := slices.Insert(o.blocks[i], at, key)
	o.blocks[i] = block
	if half := len(block) / 2; len(block) > maxBlock {
		o.blocks[i] = block[:half:half]
		o.blocks = slices.Insert(o.blocks, i+1, slices.Clone(block[half:]))
	}
}

// removeKey removes a key, if it is in the list.
func (o *keyOrder) removeKey(key string) {
	if len(o.blocks) == 0 {
		return
	}
	i := o.findBlock(key)
	at, found := slices.BinarySearch(o.blocks[i], key)
	if !found {
		return
	}
	if o.blocks[i] = slices.Delete(o.blocks[i], at, at+1); len(o.blocks[i]) == 0 {
		o.blocks = slices.Delete(o.blocks, i, i+1)
	}
}

// keysAfter iterates over the keys that come after a key, in order.
func (o *keyOrder) keysAfter(after string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(o.blocks) == 0 {
			return
		}
		first := o.findBlock(after)
		for i, block := range o.blocks[first:] {
			at := 0
			if i == 0 {
				found := false
				if at, found = slices.BinarySearch(block, after); found {
					at++
				}
			}
			for _, key := range block[at:] {
				if !yield(key) {
					return
				}
			}
		}
	}
}
