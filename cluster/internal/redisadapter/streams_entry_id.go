package redisadapter

import (
	"math"
	"strconv"
	"strings"
)

// compareEntryIDs compares ids of entries, MILLISECONDS-NUMBER, as cmp.Compare does.
func compareEntryIDs(a, b string) int {
	am, an := splitEntryID(a)
	bm, bn := splitEntryID(b)
	switch {
	case am != bm && am < bm, am == bm && an < bn:
		return -1
	case am != bm || an != bn:
		return 1
	}
	return 0
}

func splitEntryID(id string) (ms, n uint64) {
	first, second, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(first, 10, 64)
	n, _ = strconv.ParseUint(second, 10, 64)
	return ms, n
}

// isEntryID reports whether an offset, which a client may send, is the id of an entry.
func isEntryID(id string) bool {
	first, second, ok := strings.Cut(id, "-")
	return ok && isDigits(first) && isDigits(second)
}

// isDigits reports whether a text is a number as Redis reads it, of 64 bits.
func isDigits(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil && len(text) <= 20
}

// nextEntryID returns the smallest id after another one, for ranges: Redis before 6.2 has
// no exclusive ranges. The largest id is its own next one: a client may claim it.
func nextEntryID(id string) string {
	ms, n := splitEntryID(id)
	switch {
	case n < math.MaxUint64:
		n++
	case ms < math.MaxUint64:
		ms, n = ms+1, 0
	}
	return strconv.FormatUint(ms, 10) + "-" + strconv.FormatUint(n, 10)
}
