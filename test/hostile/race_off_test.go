//go:build !race

package hostile_test

var buildFlags []string
