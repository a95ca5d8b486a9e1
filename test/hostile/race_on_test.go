//go:build race

package hostile_test

// buildFlags put the race detector into Caddy too: a race ends the test run.
var buildFlags = []string{"-race"}
