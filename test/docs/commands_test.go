package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// site has the namespaces that commands name.
const site = "http://127.0.0.1 {\n\tbind 127.0.0.1\n\tsocketio {\n\t\tnamespace /chat {\n\t\t\tjoin lobby\n\t\t}\n\t}\n}\n"

// TestCommands runs every block of shell commands beside a Caddy. A request that gets an
// error, and a command that fails, fails the test.
func TestCommands(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	admin := freeport.Address()
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("CADDY_ADMIN", admin)
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writeCommand(t, filepath.Join(dir, "caddy"), asCaddy+"=1 exec '"+self+`' "$@"`)
	writeCommand(t, filepath.Join(dir, "curl"), "exec '"+curl+`' --fail-with-body --silent --show-error "$@"`)
	startCaddy(t, filepath.Join(dir, "caddy"))

	for _, b := range readBlocks(t, "sh") {
		t.Run(b.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "sh", "-e", "-c", strings.ReplaceAll(b.text, "localhost:2019", admin))
			cmd.Dir = t.TempDir()
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

func writeCommand(t *testing.T, path, line string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// startCaddy starts a Caddy with the site, and waits until it serves.
func startCaddy(t *testing.T, caddy string) {
	t.Helper()
	port := strconv.Itoa(freeport.Choose())
	config := filepath.Join(t.TempDir(), "Caddyfile")
	text := fmt.Sprintf("{\n\tpersist_config off\n\tauto_https off\n\thttp_port %s\n}\n%s", port, site)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &startLog{serving: make(chan struct{})}
	cmd := exec.Command(caddy, "run", "--config", config)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	select {
	case <-log.serving:
	case <-time.After(time.Minute):
		t.Fatal("caddy did not start")
	}
}

// startLog closes a channel when the log of a Caddy says that it serves.
type startLog struct {
	serving chan struct{} // closed by Write
	text    []byte
	done    bool
}

// Write reads the log up to the message that it waits for.
func (l *startLog) Write(b []byte) (int, error) {
	if !l.done {
		l.text = append(l.text, b...)
		if l.done = bytes.Contains(l.text, []byte("serving initial configuration")); l.done {
			close(l.serving)
		}
	}
	return len(b), nil
}
