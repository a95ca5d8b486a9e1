// Package glob matches names against patterns in which a star stands for any text.
// No other character is special.
package glob

import (
	"slices"
	"strings"
)

// Glob is a pattern. Its zero value matches no name but the empty one.
type Glob struct {
	pattern  string
	parts    []string // the text between the stars; a single one is a plain name
	segments bool     // a star matches no slash
}

// New returns a pattern whose stars match any text, the empty one and slashes too.
func New(pattern string) Glob {
	return Glob{pattern: pattern, parts: strings.Split(pattern, "*")}
}

// NewSegments returns a pattern whose stars match any text without a slash.
func NewSegments(pattern string) Glob {
	g := New(pattern)
	g.segments = true
	return g
}

// String returns the pattern.
func (g Glob) String() string { return g.pattern }

// IsPlain reports whether the pattern has no star: it matches the name that it is.
func (g Glob) IsPlain() bool { return len(g.parts) < 2 }

// Match reports whether the pattern matches the whole name. It takes time in proportion
// to the lengths of both, even for many stars.
func (g Glob) Match(name string) bool {
	if g.IsPlain() {
		return name == g.pattern
	}
	if g.segments && strings.Count(name, "/") != strings.Count(g.pattern, "/") {
		return false
	}
	last := len(g.parts) - 1
	rest, ok := strings.CutPrefix(name, g.parts[0])
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, g.parts[last])
	if !ok {
		return false
	}
	for _, part := range g.parts[1:last] {
		// The slashes are as many as in the pattern, and the first ones in
		// both order: the text that a star skips has none, or a later part fails.
		i := strings.Index(rest, part)
		if i < 0 || g.segments && part != "" && strings.Contains(rest[:i], "/") {
			return false
		}
		rest = rest[i+len(part):]
	}
	return !g.segments || !strings.Contains(rest, "/")
}

// List is a list of patterns.
type List []Glob

// NewList returns the patterns of [New].
func NewList(patterns []string) List {
	list := make(List, len(patterns))
	for i, pattern := range patterns {
		list[i] = New(pattern)
	}
	return list
}

// NewSegmentsList returns the patterns of [NewSegments].
func NewSegmentsList(patterns []string) List {
	list := make(List, len(patterns))
	for i, pattern := range patterns {
		list[i] = NewSegments(pattern)
	}
	return list
}

// Match reports whether a pattern of the list matches the whole name.
func (l List) Match(name string) bool {
	return slices.ContainsFunc(l, func(g Glob) bool { return g.Match(name) })
}
