package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// TestLinksResolve follows the links between pages: the file exists, and so does the
// heading.
func TestLinksResolve(t *testing.T) {
	pages := readPages(t)
	headings := make(map[string]map[string]bool)
	for _, p := range pages {
		headings[p.path] = findHeadings(p)
	}
	linked := map[string]bool{"README.md": true}
	for _, p := range pages {
		for _, m := range link.FindAllStringSubmatch(withoutBlocks(p), -1) {
			target := m[1]
			if strings.Contains(target, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			path := p.path
			if file != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(p.path), file))
			}
			linked[path] = true
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: link to %s: there is no such file", p.path, target)
			} else if anchor != "" && !headings[path][anchor] {
				t.Errorf("%s: link to %s: there is no such heading", p.path, target)
			}
			if strings.HasSuffix(path, ".go") && strings.HasPrefix(p.path, "docs/") {
				t.Errorf("%s: link to %s: a page must not send its reader to Go source", p.path, target)
			}
		}
	}
	for _, p := range pages {
		if strings.HasPrefix(p.path, "docs/") && !linked[p.path] {
			t.Errorf("%s: no page links to it", p.path)
		}
	}
}

// withoutBlocks returns the text of a page outside of its fenced blocks.
func withoutBlocks(p *page) string {
	var text []string
	inside := false
	for _, line := range p.lines {
		if strings.HasPrefix(line, "```") {
			inside = !inside
		} else if !inside {
			text = append(text, line)
		}
	}
	return strings.Join(text, "\n")
}

// findHeadings returns the anchors of a page's headings, made as GitHub makes them.
func findHeadings(p *page) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.SplitSeq(withoutBlocks(p), "\n") {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		anchor := makeAnchor(heading)
		for n := 1; found[anchor]; n++ {
			anchor = makeAnchor(heading) + "-" + strconv.Itoa(n)
		}
		found[anchor] = true
	}
	return found
}

func makeAnchor(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}
