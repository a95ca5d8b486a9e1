package docs

import (
	"regexp"
	"strings"
	"testing"
)

// riddles are words that stand where a noun belongs, and people's verbs for machines.
// docs/concepts.md has the words to use.
var riddles = regexp.MustCompile(`(?i)\b(what|who|those|nobody|somebody|anew|no more|hears?|tells?|told|had better)\b`)

var code = regexp.MustCompile("`[^`]*`|\"[^\"]*\"")

// TestPagesUsePlainWords finds riddles outside of snippets and quotations. It also finds
// the runtime without its ".js".
func TestPagesUsePlainWords(t *testing.T) {
	for _, p := range readPages(t) {
		if !strings.HasPrefix(p.path, "docs/") && p.path != "README.md" {
			continue
		}
		for line := range strings.SplitSeq(withoutBlocks(p), "\n") {
			plain := code.ReplaceAllString(line, "")
			if word := riddles.FindString(plain); word != "" {
				t.Errorf("%s: %q in: %s", p.path, word, line)
			}
			if regexp.MustCompile(`\bNode\b[^.]|\bNode$`).MatchString(plain) {
				t.Errorf("%s: Node without .js in: %s", p.path, line)
			}
		}
	}
}
