// Package hostile_test attacks the real Caddy, over sockets of the operating system:
// what an attacker sends gets the protocol's answer or a closed connection, costs a
// bounded amount of memory, and disturbs nobody else in the same room.
package hostile_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// What is built here is what is tested: results of it must not be kept when it
	// changes.
	_ "github.com/caddy-socketio/caddy-socketio"
)

// program is the Caddy that all tests run.
var program string

// sharedProcess is the process that all tests attack that need none of their own.
var sharedProcess *process

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if flag.Parse(); testing.Short() {
		return 0 // the attacks take a minute, and a Caddy of their own
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
