package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// readSource returns the Go source of this module, without tests, and Caddy's admin
// endpoint.
func readSource(t *testing.T) string {
	t.Helper()
	var source strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "test" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	caddy, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/caddyserver/caddy/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(caddy)), "admin.go"))
	if err != nil {
		t.Fatal(err)
	}
	source.Write(admin)
	return source.String()
}

// readTables returns the rows of a page's tables by the head of their first column: the
// cells of each row.
func readTables(p *page) map[string][][]string {
	rows := make(map[string][][]string)
	head := ""
	for line := range strings.SplitSeq(withoutBlocks(p), "\n") {
		if !strings.HasPrefix(line, "|") {
			head = ""
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.ReplaceAll(line, `\|`, "\x00"), "|") {
			cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|"))
		}
		cells = cells[1 : len(cells)-1]
		switch {
		case head == "":
			head = cells[0]
		case !strings.HasPrefix(cells[0], "---"):
			rows[head] = append(rows[head], cells)
		}
	}
	return rows
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	// variable are parts of a message that differ.
	variable = regexp.MustCompile(`\.\.\.|\bN\b|\d+|: |\{PLACEHOLDER\}| socketio$`)
	// statusText are messages that net/http has.
	statusText = regexp.MustCompile(`^(Bad Request|Unauthorized|Forbidden|Not Found)$`)
)

// TestMessagesAreReal searches the source for the messages that the tables of errors
// name, so that a search for an error finds the page.
func TestMessagesAreReal(t *testing.T) {
	source := readSource(t)
	count := 0
	for _, p := range readPages(t) {
		tables := readTables(p)
		for _, head := range []string{"message", "message to the client", "warning", "cause in the log line `backend failed`"} {
			for _, cells := range tables[head] {
				if strings.HasPrefix(strings.Join(cells[1:], " "), "Written by the client") {
					continue
				}
				for _, m := range quoted.FindAllStringSubmatch(cells[0], -1) {
					count++
					if statusText.MatchString(m[1]) {
						continue
					}
					for _, part := range variable.Split(strings.TrimSuffix(m[1], "''"), -1) {
						if part = strings.Trim(part, " :"); !strings.Contains(source, part) {
							t.Errorf("%s: message %q: no Go file has %q", p.path, m[1], part)
						}
					}
				}
			}
		}
	}
	if count < 40 {
		t.Errorf("found %d messages: were the tables renamed?", count)
	}
}

// TestMetricsAreDocumented compares the metrics page with the names and labels in the source.
func TestMetricsAreDocumented(t *testing.T) {
	defined := findMetrics(readSource(t))
	if len(defined) < 25 {
		t.Errorf("found %d metrics: are they defined in another way?", len(defined))
	}
	documented := make(map[string]bool)
	for _, cells := range readTables(readPage(t, filepath.Join(root, "docs/operations/metrics.md")))["metric"] {
		name := strings.Trim(cells[0], "`")
		documented[name] = true
		labels, ok := defined[name]
		if !ok {
			t.Errorf("metric %s: no Go file has it", name)
		} else if found := findLabels(cells[2]); found != labels {
			t.Errorf("metric %s: docs/operations/metrics.md has the labels %q, the source %q", name, found, labels)
		}
	}
	for name := range defined {
		if !documented[name] {
			t.Errorf("metric %s: docs/operations/metrics.md does not name it", name)
		}
	}
}

var (
	// metricDefined is a metric of the root package: its constructor, its name and its labels.
	metricDefined = regexp.MustCompile(`(newDesc|newProcessDesc)\("([a-z_]+)", "[^"]*"((?:, "[a-z_]+")*)\)`)
	// vectorDefined is a metric with options.
	vectorDefined = regexp.MustCompile(`Subsystem: "socketio", (Name): +"([a-z_]+)",(?s:.*?)\}, \[\]string\{(.*?)\}\)`)
	quotedInCode  = regexp.MustCompile(`"([a-z_]+)"`)
)

// findMetrics returns the labels of each metric in the source.
func findMetrics(source string) map[string]string {
	found := make(map[string]string)
	for _, pattern := range []*regexp.Regexp{metricDefined, vectorDefined} {
		for _, m := range pattern.FindAllStringSubmatch(source, -1) {
			labels := make([]string, 0, 4)
			if m[1] == "newDesc" {
				labels = append(labels, "hub") // by itself
			}
			for _, label := range quotedInCode.FindAllStringSubmatch(m[3], -1) {
				labels = append(labels, label[1])
			}
			found[m[2]] = strings.Join(labels, " ")
		}
	}
	return found
}

// findLabels returns the labels in a cell like `type`, `outcome`: `ok`, `outage`; `other`.
// Every metric has the label hub, except for one whose cell begins with "no".
func findLabels(cell string) string {
	labels := []string{"hub"}
	if after, without := strings.CutPrefix(cell, "no `hub`"); without {
		labels, cell = nil, after
	}
	for part := range strings.SplitSeq(cell, ";") {
		names, _, _ := strings.Cut(part, ":")
		for _, m := range quoted.FindAllStringSubmatch(names, -1) {
			labels = append(labels, m[1])
		}
	}
	return strings.Join(labels, " ")
}

// TestOptionsAreDocumented searches the pages for the keys of every JSON config.
func TestOptionsAreDocumented(t *testing.T) {
	for _, config := range []struct{ page, dir, name string }{
		{"docs/caddyfile.md", ".", "Handler"},
		{"docs/caddyfile.md", ".", "Namespace"},
		{"docs/caddyfile.md", ".", "APIHandler"},
		{"docs/caddyfile.md", ".", "AcceptReserve"},
		{"docs/cluster/redis.md", "cluster/redis", "Redis"},
		{"docs/cluster/redis-streams.md", "cluster/redisstreams", "RedisStreams"},
		{"docs/cluster/README.md", "cluster/internal/redisconn", "Config"},
		{"docs/handlers/backend.md", "handlers/backend", "Handler"},
		{"docs/handlers/jwt.md", "handlers/jwt", "Handler"},
		{"docs/handlers/require.md", "handlers/require", "Handler"},
		{"docs/handlers/emit.md", "handlers", "Emit"},
	} {
		keys := findKeys(t, config.dir, config.name)
		if len(keys) == 0 {
			t.Errorf("%s: no struct %s with JSON keys", config.dir, config.name)
		}
		text := strings.Join(readPage(t, filepath.Join(root, config.page)).lines, "\n")
		for _, key := range keys {
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(text) {
				t.Errorf("%s: option %s of %s.%s is missing", config.page, key, config.dir, config.name)
			}
		}
	}
}

var jsonKey = regexp.MustCompile(`json:"([a-z_]+)`)

// findKeys returns the JSON keys of a struct of a package.
func findKeys(t *testing.T, dir, name string) (keys []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(source), "\ntype "+name+" struct {")
		body, _, _ := strings.Cut(after, "\n}")
		for _, m := range jsonKey.FindAllStringSubmatch(body, -1) {
			keys = append(keys, m[1])
		}
	}
	return keys
}

// TestFlagsAreDocumented searches docs/cli.md for the commands and flags of the command
// line, and the command line for the flags of the page.
func TestFlagsAreDocumented(t *testing.T) {
	parent := &cobra.Command{Use: "socketio"}
	cli.Command().CobraFunc(parent)
	text := strings.Join(readPage(t, filepath.Join(root, "docs/cli.md")).lines, "\n")
	known := make(map[string]bool)
	for _, command := range append(parent.Commands(), parent) {
		if name := command.Name(); command != parent && !strings.Contains(text, "`"+name) {
			t.Errorf("docs/cli.md does not name the command %s", name)
		}
		for _, flags := range []*pflag.FlagSet{command.Flags(), command.PersistentFlags()} {
			flags.VisitAll(func(flag *pflag.Flag) {
				if known["--"+flag.Name] = true; !strings.Contains(text, "--"+flag.Name) {
					t.Errorf("docs/cli.md does not name --%s of %s", flag.Name, command.Name())
				}
			})
		}
	}
	for _, name := range regexp.MustCompile(`--[a-z]+`).FindAllString(text, -1) {
		if !known[name] {
			t.Errorf("docs/cli.md names %s, which no command has", name)
		}
	}
}
