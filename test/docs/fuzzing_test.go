package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)`)

// TestFuzzTargetsAreListed compares the targets on the page about fuzzing with the source.
func TestFuzzTargetsAreListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/security/fuzzing.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, m := range regexp.MustCompile("`(Fuzz\\w+)`").FindAllStringSubmatch(string(text), -1) {
		listed[m[1]] = true
	}
	found := make(map[string]bool)
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range fuzzTarget.FindAllStringSubmatch(string(source), -1) {
			if found[m[1]] = true; !listed[m[1]] {
				t.Errorf("%s of %s is not on the page", m[1], path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range listed {
		if !found[name] {
			t.Errorf("%s is on the page, and not in the source", name)
		}
	}
}
