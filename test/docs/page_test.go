// Package docs tests the documentation: README.md, the pages under docs/ and the READMEs
// of the examples. Every snippet is adapted, validated, compiled or run, and every link
// is followed. test/e2e/docs.test.js runs the programs of the quickstart.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the root of the repository, relative to this package.
const root = "../.."

// block is a fenced block of a page.
type block struct {
	page     string // its path in the repository
	line     int    // of the opening fence
	language string
	text     string
	reason   string // why the block is not run: the comment <!-- not run: ... --> before it
}

// String returns the place of the block, as a test's name.
func (b *block) String() string { return b.page + ":" + strconv.Itoa(b.line) }

// page is a Markdown file.
type page struct {
	path   string // in the repository
	lines  []string
	blocks []*block
}

// readPages reads README.md and all pages under docs/ and examples/.
func readPages(t *testing.T) []*page {
	t.Helper()
	var pages []*page
	for _, dir := range []string{"README.md", "docs", "examples"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if strings.HasSuffix(path, ".md") {
				pages = append(pages, readPage(t, path))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

var notRun = regexp.MustCompile(`^<!-- not run: (.+) -->$`)

func readPage(t *testing.T, path string) *page {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path, _ = filepath.Rel(root, path)
	p := &page{path: filepath.ToSlash(path), lines: strings.Split(string(text), "\n")}
	var open *block
	var inside []string
	for i, line := range p.lines {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && fence == "" && isFence:
			open.text = strings.Join(inside, "\n") + "\n"
			p.blocks = append(p.blocks, open)
			open, inside = nil, nil
		case open != nil:
			inside = append(inside, line)
		case isFence:
			open = &block{page: p.path, line: i + 1, language: fence}
			if i > 0 {
				if m := notRun.FindStringSubmatch(p.lines[i-1]); m != nil {
					open.reason = m[1]
				}
			}
		}
	}
	if open != nil {
		t.Errorf("%s: the block has no end", open)
	}
	return p
}

// readBlocks returns the blocks of a language that are run.
func readBlocks(t *testing.T, languages ...string) []*block {
	t.Helper()
	var found []*block
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			for _, language := range languages {
				if b.language == language && b.reason == "" {
					found = append(found, b)
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no block of %v", languages)
	}
	return found
}

// checked are the languages whose blocks some test checks. Blocks of text show syntax,
// output and packets.
var checked = []string{"caddyfile", "json", "http", "sh", "php", "python", "ruby", "js", "html", "go", "java", "text"}

// maxNotRun is the number of blocks that carry the reason why they are not run.
const maxNotRun = 16

// TestEveryBlockIsChecked finds blocks of a language that no test checks. It counts the
// blocks that are not run.
func TestEveryBlockIsChecked(t *testing.T) {
	count, total := 0, 0
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			total++
			if b.reason != "" {
				count++
				continue
			}
			known := false
			for _, language := range checked {
				known = known || b.language == language
			}
			if !known {
				t.Errorf("%s: no test checks blocks of %q: use one of %v, or write <!-- not run: REASON --> before it", b, b.language, checked)
			}
		}
	}
	if count > maxNotRun {
		t.Errorf("%d of %d blocks are not run, the limit is %d", count, total, maxNotRun)
	}
}

// TestReadmeIsShort keeps README.md at 200 lines.
func TestReadmeIsShort(t *testing.T) {
	if n := len(readPage(t, filepath.Join(root, "README.md")).lines) - 1; n > 200 {
		t.Errorf("README.md has %d lines, the limit is 200: move a section to a page under docs/", n)
	}
}
