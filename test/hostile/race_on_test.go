//go:build race

package hostile_test

// buildFlags build Caddy with the race detector: a race fails the test run.
var buildFlags = []string{"-race"}
