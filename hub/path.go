package hub

import "strings"

// Path is a dotted key of [Event.Lookup] that is split: a handler that looks a key up for
// each event makes its path once.
type Path struct {
	key   string
	parts []string // one or more
}

// NewPath returns the path of a dotted key.
func NewPath(key string) Path { return Path{key, strings.Split(key, ".")} }

// String returns the key.
func (p Path) String() string { return p.key }

// First returns the part of the key before its first dot.
func (p Path) First() string { return p.parts[0] }
