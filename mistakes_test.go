package socketio

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestMistakesAreNamed adapts the Caddyfiles of testdata/mistakes.txt, and compares the
// warnings and the error of each with the text behind it. The file has everyday mistakes,
// and configs beside them that are meant. An error or warning names the line of the
// mistake.
func TestMistakesAreNamed(t *testing.T) {
	const file, mark, line = "testdata/mistakes.txt", "=== ", "\n---\n"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var updated strings.Builder
	for mistake := range strings.SplitSeq(strings.TrimPrefix(string(content), mark), "\n"+mark) {
		name, rest, _ := strings.Cut(mistake, "\n")
		input, want, _ := strings.Cut(rest, line)
		got := adaptMistake(input + "\n")
		fmt.Fprintf(&updated, "%s%s\n%s%s%s\n", mark, name, input, line, got)
		if want = strings.TrimSpace(want); got != want && !*update {
			t.Errorf("%s:\n%s\ngot:\n%s\nwant:\n%s", name, input, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(updated.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// adaptMistake returns the warnings and the error of a Caddyfile, each on a line.
func adaptMistake(caddyfile string) string {
	core, logs := observer.New(zapcore.WarnLevel)
	_, original, buffer := caddy.BufferedLog()
	defer caddy.UnbufferDefaultLogger(original)
	_, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	buffer.FlushTo(zap.New(core))
	var lines []string
	for _, entry := range logs.All() {
		fields := entry.ContextMap()
		lines = append(lines, fmt.Sprintf("warning: %s, at %v:%v", entry.Message, fields["file"], fields["line"]))
	}
	for _, w := range warnings {
		lines = append(lines, "warning: "+w.String())
	}
	if err != nil {
		lines = append(lines, "error: "+strings.TrimPrefix(err.Error(), "parsing caddyfile tokens for 'socketio': "))
	}
	if len(lines) == 0 {
		return "valid"
	}
	return strings.Join(lines, "\n")
}
