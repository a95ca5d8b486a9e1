//go:build race

package hostile_test

// buildFlags build Caddy with the race detector: a race fails the test run.
var buildFlags = []string{"-race"}

// goMemory is the limit of Go's runtime in tests of memory.
const goMemory = 120 << 20
