// Package hostile_test attacks a real Caddy over TCP. An attack gets the response of the
// protocol or a closed connection, costs a bounded amount of memory, and does not disturb the
// other clients in the room.
package hostile_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// The tests build and run this package. The import makes "go test" drop cached results
	// when it changes.
	_ "github.com/caddy-socketio/caddy-socketio"
)

// program is the path of the Caddy that all tests run.
var program string

// sharedProcess is the process that tests attack unless they need one of their own.
var sharedProcess *process

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if flag.Parse(); testing.Short() {
		return 0 // the attacks take a minute and build a Caddy
	}
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "caddy")
	args := append([]string{"build", "-o", program}, buildFlags...)
	build := exec.Command("go", append(args, "github.com/caddy-socketio/caddy-socketio/cmd/caddy")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	sharedProcess, err = startProcess(filepath.Join(dir, "common"), site)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := sharedProcess.stopProcess(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
