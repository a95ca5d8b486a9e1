package table

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// check compares a table with a map, and its parts with each other.
func (t *Table[K, V]) check(tb testing.TB, want map[K]V) {
	tb.Helper()
	for i := range t.parts {
		for key := range t.parts[i].entries {
			if t.partOf(key) != &t.parts[i] {
				tb.Fatalf("%v is in the wrong part", key)
			}
		}
		if p := &t.parts[i]; p.peak > alwaysKept && len(p.entries) <= p.peak/4 || p.peak < len(p.entries) {
			tb.Fatalf("a part has %d entries and memory for %d", len(p.entries), p.peak)
		}
	}
	if got := maps.Collect(t.All()); len(got) != len(want) || len(want) != t.Len() {
		tb.Fatalf("%d entries, counted %d, want %d", len(got), t.Len(), len(want))
	}
}

func TestTableIsLikeMapAndReleasesMemory(t *testing.T) {
	var table Table[int, int]
	want := make(map[int]int)
	random := rand.New(rand.NewPCG(1, 2))
	for _, target := range []int{10, 5000, 100, 300, 3000, 0} {
		for steps := 0; len(want) != target; steps++ {
			key := random.IntN(10_000)
			_, known := want[key]
			if v, ok := table.Value(key); ok != known || v != want[key] {
				t.Fatalf("key %d has value %d, %v: want %d", key, v, ok, want[key])
			}
			switch {
			case known && len(want) > target:
				table.Delete(key)
				delete(want, key)
			case !known && len(want) < target:
				want[key] = steps
				table.Put(key, steps)
			}
			if steps%500 == 0 {
				table.check(t, want)
			}
		}
		table.check(t, want)
		if n := table.Capacity(); n > 4*target+alwaysKept*max(table.Parts(), 1) {
			t.Errorf("%d entries have memory for %d", target, n)
		}
	}
}

func TestEntriesMayBeDeletedWhileTheyAreListed(t *testing.T) {
	var table Table[int, int]
	for i := range 5000 {
		table.Put(i, i)
	}
	for key := range table.All() {
		if _, known := table.Value(key); known && key%10 > 0 {
			table.Delete(key)
		}
	}
	want := make(map[int]int)
	for i := 0; i < 5000; i += 10 {
		want[i] = i
		table.Set(i, -i)
	}
	table.check(t, want)
	if v, _ := table.Value(4990); v != -4990 {
		t.Errorf("the changed value is %d", v)
	}
}
