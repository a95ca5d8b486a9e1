package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExcerptsAreTheExamples compares the pages of frameworks with the examples: a block
// that begins with a line of an example goes on like it.
func TestExcerptsAreTheExamples(t *testing.T) {
	sources := readExamples(t)
	count := 0
	for _, b := range readBlocks(t, "caddyfile", "php", "python", "js", "go") {
		if !strings.HasPrefix(b.page, "docs/frameworks/") {
			continue
		}
		text := trimLines(b.text)
		first, _, _ := strings.Cut(text, "\n")
		begins, matches := false, false
		for _, source := range sources {
			begins = begins || strings.Contains(source, "\n"+first+"\n")
			matches = matches || strings.Contains(source, text)
		}
		if begins && !matches {
			t.Errorf("%s: the example goes on differently", b)
		}
		if matches {
			count++
		}
	}
	if count < 15 {
		t.Errorf("%d blocks are in examples, expected 15 at least", count)
	}
}

// readExamples returns the files of examples/, without indentation.
func readExamples(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		files = append(files, "\n"+trimLines(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// trimLines removes the indentation of lines, and spaces at their ends.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}
