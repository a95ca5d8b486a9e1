package hub

import (
	"strconv"
	"strings"
)

// Path is a dotted key of [Event.Lookup] that is split: a handler that looks a key up for
// each event makes its path once.
type Path struct {
	key   string
	parts []string // one or more
	// argument is the index N of the key event.args.N, -1 for any other key.
	argument int
}

// NewPath returns the path of a dotted key.
func NewPath(key string) Path {
	p := Path{key, strings.Split(key, "."), -1}
	if index, ok := strings.CutPrefix(key, "event.args."); ok {
		if n, err := strconv.Atoi(index); err == nil && strconv.Itoa(n) == index {
			p.argument = n
		}
	}
	return p
}

// String returns the key.
func (p Path) String() string { return p.key }

// First returns the part of the key before its first dot.
func (p Path) First() string { return p.parts[0] }
