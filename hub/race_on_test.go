//go:build race

package hub_test

// raceEnabled reports whether the race detector runs.
const raceEnabled = true
