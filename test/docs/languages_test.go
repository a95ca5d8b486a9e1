package docs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// parsers are commands that read programs and find errors of their syntax. They are run
// for each program or, if they take many, once.
var parsers = map[string]struct {
	command []string
	many    bool
}{
	"php":    {command: []string{"php", "-l"}},
	"ruby":   {command: []string{"ruby", "-c"}},
	"python": {many: true, command: []string{"python3", "-c", "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name)"}},
	"js":     {many: true, command: []string{"node", "--experimental-vm-modules", "-e", parseModules}},
	"html":   {many: true, command: []string{"node", "--experimental-vm-modules", "-e", parseModules}},
}

// parseModules is a program in JavaScript that parses modules without running them.
const parseModules = `for (const identifier of process.argv.slice(1)) new vm.SourceTextModule(fs.readFileSync(identifier, "utf8"), { identifier })`

// TestPrograms parses every program. test/e2e/docs.test.js runs applications and emitters.
func TestPrograms(t *testing.T) {
	for language, parser := range parsers {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(parser.command[0]); err != nil {
				t.Skip(parser.command[0] + " is not installed")
			}
			files := writePrograms(t, language)
			for group := range slices.Chunk(files, map[bool]int{true: len(files), false: 1}[parser.many]) {
				args := slices.Concat(parser.command[1:], group)
				if output, err := exec.Command(parser.command[0], args...).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, output)
				}
			}
		})
	}
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// writePrograms writes the programs of a language to files, which are named after their
// places.
func writePrograms(t *testing.T, language string) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, b := range readBlocks(t, language) {
		text := b.text
		switch {
		case language == "php" && !strings.HasPrefix(text, "<?php"):
			text = "<?php\n" + text
		case language == "html":
			text = ""
			for _, m := range inlineScript.FindAllStringSubmatch(b.text, -1) {
				text += m[1]
			}
		}
		file := filepath.Join(dir, strings.ReplaceAll(b.String(), "/", "-"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// TestJavaIsRun keeps Java on the pages whose programs test/e2e/docs.test.js runs.
func TestJavaIsRun(t *testing.T) {
	for _, b := range readBlocks(t, "java") {
		if b.page != "docs/quickstart.md" && b.page != "docs/admin-api.md" {
			t.Errorf("%s: no test runs this block", b)
		}
	}
}

// TestHTTPMessages parses every HTTP message, and its body as JSON or as lines of it.
func TestHTTPMessages(t *testing.T) {
	for _, b := range readBlocks(t, "http") {
		head, body, _ := strings.Cut(b.text, "\n\n")
		reader := bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n"))
		var err error
		if strings.HasPrefix(head, "HTTP/") {
			_, err = http.ReadResponse(reader, nil)
		} else {
			_, err = http.ReadRequest(reader)
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", b, err)
		}
		values := []string{body}
		if strings.Contains(head, "application/x-ndjson\n") || strings.HasSuffix(head, "application/x-ndjson") {
			values = strings.Split(strings.TrimSpace(body), "\n")
		}
		for _, value := range values {
			if err := json.Unmarshal([]byte(value), new(any)); err != nil {
				t.Errorf("%s: body: %v", b, err)
			}
		}
	}
}

// imports are the packages that a part of a Go program may name without an import.
var imports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "strings": "strings", "time": "time",
	"hub":      "github.com/caddy-socketio/caddy-socketio/hub",
	"socketio": "github.com/caddy-socketio/caddy-socketio",
}

// TestGoPrograms compiles every Go program, each as a package of this module. A part of
// one gets its package clause and imports.
func TestGoPrograms(t *testing.T) {
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	dir := t.TempDir()
	var packages []string
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range readBlocks(t, "go") {
		if strings.Contains(b.text, "example.com/") {
			continue // a module of the reader's own
		}
		name := fmt.Sprintf("snippet%d", i)
		file := filepath.Join(dir, name+".go")
		if err := os.WriteFile(file, []byte("//line "+b.String()+"\n"+completeGo(b.text)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(here, name, "snippet.go")] = file
		packages = append(packages, "./"+name)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", file}
	if hasRaceDetector() {
		args = append(args, "-race") // the compiled dependencies of the tests serve here, too
	}
	if output, err := exec.Command("go", append(args, packages...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// hasRaceDetector reports whether the tests were built with the race detector.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// completeGo returns a whole Go file around a part of one. Its package is not main: a
// program would be linked, too.
func completeGo(text string) string {
	if after, isProgram := strings.CutPrefix(text, "package main\n"); isProgram {
		return "package snippet\n" + after
	}
	if strings.HasPrefix(text, "package ") {
		return text
	}
	if !strings.HasPrefix(text, "func ") {
		text = "func run() {\n" + text + "}\n"
	}
	var used strings.Builder
	used.WriteString("package snippet\n")
	for name, path := range imports {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(text) {
			used.WriteString(fmt.Sprintf("import %s %q\n", name, path))
		}
	}
	return used.String() + text
}
