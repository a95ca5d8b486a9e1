// Package faults_test runs real Caddys while things around them fail: configs, Redis, backends,
// guest modules, descriptors, disks, networks, clocks. Each test ends with a comparison of
// every client's records with the events that it should have received.
package faults_test

import (
	"flag"
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-socketio/caddy-socketio"
)

// runAsCaddy is the environment variable that makes the test binary run as Caddy. So the
// Caddys of the tests have the guest modules of this package, and its race detector.
const runAsCaddy = "FAULTS_RUN_AS_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(runAsCaddy) != "" {
		caddycmd.Main()
		return
	}
	if flag.Parse(); testing.Short() {
		return // the faults take minutes
	}
	os.Exit(m.Run())
}
