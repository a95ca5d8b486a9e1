//go:build !race

package hostile_test

var buildFlags []string

// goMemory is the limit of Go's runtime in tests of memory.
const goMemory = 80 << 20
