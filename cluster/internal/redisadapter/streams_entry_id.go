package redisadapter

import (
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

func isDigits(text string) bool {
	return len(text) > 0 && len(text) <= 20 && strings.Trim(text, "0123456789") == ""
}

// nextEntryID returns the smallest id after another one, for ranges: Redis before 6.2 has
// no exclusive ranges.
func nextEntryID(id string) string {
	ms, n := splitEntryID(id)
	if n++; n == 0 {
		ms++
	}
	return strconv.FormatUint(ms, 10) + "-" + strconv.FormatUint(n, 10)
}
