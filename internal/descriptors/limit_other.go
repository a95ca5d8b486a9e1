//go:build !linux

package descriptors

// Limit returns 0: the limit is unknown.
func Limit() int { return 0 }

func findLowestFree(int) int { return 0 }
