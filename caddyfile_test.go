package socketio

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

var update = flag.Bool("update", false, "write the adapted JSON into the files of testdata")

// separator stands between a Caddyfile and its adapted JSON, or a part of the error.
const separator = "\n----------\n"

func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) { testAdapt(t, file) })
	}
}

func testAdapt(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	input, want, _ := strings.Cut(string(content), separator)
	got, err := adaptCaddyfile(input)
	if err != nil {
		got = err.Error()
	}
	got = strings.TrimSpace(got)
	if *update {
		if err := os.WriteFile(file, []byte(input+separator+got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want = strings.TrimSpace(want); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func adaptCaddyfile(caddyfile string) (string, error) {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return "", err
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			return "warning: " + w.Message, nil
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, config, "", "\t"); err != nil {
		return "", err
	}
	return indented.String(), nil
}

func TestAdaptExample(t *testing.T) {
	example, err := os.ReadFile("examples/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adaptCaddyfile(string(example)); err != nil {
		t.Error(err)
	}
}
