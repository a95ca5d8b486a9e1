package hub

import (
	"strings"
)

// glob is a pattern in which "*" stands for any text.
type glob struct {
	pattern string
	// parts is the text between the stars; a single one is a plain name.
	parts []string
	// sealed keeps a star from matching a slash.
	sealed bool
}

func newGlob(pattern string, sealed bool) glob {
	return glob{pattern: pattern, parts: strings.Split(pattern, "*"), sealed: sealed}
}

func (g glob) plain() bool { return len(g.parts) == 1 }

// match takes time in proportion to the lengths of both, even for many stars.
func (g glob) match(s string) bool {
	last := len(g.parts) - 1
	if last == 0 {
		return s == g.pattern
	}
	if g.sealed && strings.Count(s, "/") != strings.Count(g.pattern, "/") {
		return false
	}
	s, ok := strings.CutPrefix(s, g.parts[0])
	if !ok {
		return false
	}
	s, ok = strings.CutSuffix(s, g.parts[last])
	if !ok {
		return false
	}
	for _, part := range g.parts[1:last] {
		// The slashes are as many as in the pattern, and the first ones in
		// both order: what a star skips has none, or a later part fails.
		i := strings.Index(s, part)
		if i < 0 || g.sealed && part != "" && strings.Contains(s[:i], "/") {
			return false
		}
		s = s[i+len(part):]
	}
	return !g.sealed || !strings.Contains(s, "/")
}

// names is a list of namespaces' names and globs.
type names []glob

func newNames(patterns []string) names {
	list := make(names, len(patterns))
	for i, p := range patterns {
		list[i] = newGlob(p, true)
	}
	return list
}

func (n names) match(namespace string) bool {
	for _, g := range n {
		if g.match(namespace) {
			return true
		}
	}
	return false
}
