package redisadapter

import (
	"strings"
	"testing"
)

// FuzzEntryID checks offsets of clients: an id is never smaller than the next one, and the next
// one is an id of Redis.
func FuzzEntryID(f *testing.F) {
	for _, seed := range []string{"", "1-0", "5-18446744073709551615", "18446744073709551615-18446744073709551615", "99999999999999999999-0", "+1-0", "1-0-0", "0x1-0", "1_0-1"} {
		f.Add(seed, "1-1")
	}
	f.Fuzz(func(t *testing.T, id, other string) {
		if !isEntryID(id) {
			return
		}
		if strings.Trim(id, "0123456789-") != "" || strings.Count(id, "-") != 1 {
			t.Fatalf("%q is an id", id)
		}
		next := nextEntryID(id)
		if !isEntryID(next) || compareEntryIDs(id, next) > 0 || compareEntryIDs(id, next) == 0 && next != "18446744073709551615-18446744073709551615" {
			t.Fatalf("%q is the next id of %q", next, id)
		}
		if isEntryID(other) && compareEntryIDs(id, other) != -compareEntryIDs(other, id) {
			t.Fatalf("%q and %q are in no order", id, other)
		}
		if isEntryID(other) && compareEntryIDs(id, other) < 0 && compareEntryIDs(next, other) > 0 {
			t.Fatalf("%q is between %q and the next one", other, id)
		}
	})
}
