package address_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// guest is a value of a Bound, with its place.
type guest struct {
	place  address.Place[*guest]
	key    address.Key
	number int
	pinned bool
}

func keyOf(n int) address.Key { return address.KeyOf(fmt.Sprintf("192.0.2.%d", n)) }

func TestFullBoundEvictsOldestOfLargestAddress(t *testing.T) {
	var b address.Bound[*guest]
	limits := address.Limits{Total: 3}
	var all []*guest
	for i := range 3 {
		g := &guest{number: i}
		all = append(all, g)
		if _, has, result := b.Add(&g.place, keyOf(1), g, limits); has || result != address.Added {
			t.Fatalf("guest %d: %v", i, result)
		}
	}
	same := new(guest)
	if _, has, result := b.Add(&same.place, keyOf(1), same, limits); has || result != address.Full {
		t.Errorf("the largest address evicted another: %v", result)
	}
	stranger := new(guest)
	evicted, has, result := b.Add(&stranger.place, keyOf(2), stranger, limits)
	if !has || result != address.Added || evicted != all[0] {
		t.Errorf("got %v %v %v", evicted, has, result)
	}
	b.Pin(&all[1].place)
	b.Pin(&all[2].place)
	other := new(guest)
	if evicted, _, result := b.Add(&other.place, keyOf(3), other, limits); result != address.Added || evicted != stranger {
		t.Errorf("pinned values are safe: got %v %v", evicted, result)
	}
	b.Remove(&all[0].place) // it was evicted: nothing happens
	if b.Len() != 3 || b.Has(&all[0].place) || !b.Has(&all[1].place) {
		t.Errorf("%d values", b.Len())
	}
}

func TestHeaviestAddressLosesItsOldestValue(t *testing.T) {
	var b address.Bound[*guest]
	heavy, later, light := &guest{number: 1}, &guest{number: 2}, &guest{number: 3}
	b.Put(&heavy.place, keyOf(1), heavy, 50)
	b.Put(&later.place, keyOf(1), later, 10)
	b.Put(&light.place, keyOf(2), light, 40)
	for i, want := range []*guest{heavy, light, later} {
		if got, _, ok := b.Evict(); !ok || got != want {
			t.Errorf("%d: got %v", i, got)
		}
	}
	if _, _, ok := b.Evict(); ok || b.Len() != 0 {
		t.Errorf("a weight of %d is left", b.Len())
	}
	b.Put(&light.place, keyOf(2), light, 10)
	b.Put(&heavy.place, keyOf(1), heavy, 20)
	b.SetWeight(&light.place, 30)
	if got, weight, _ := b.Evict(); got != light || weight != 30 || b.Len() != 20 {
		t.Errorf("got %v with %d, %d is left", got, weight, b.Len())
	}
}

func TestBoundKeepsShareOfAddress(t *testing.T) {
	var b address.Bound[*guest]
	for i := range 4 {
		g := new(guest)
		b.Add(&g.place, keyOf(i/2), g, address.Limits{Total: 4})
	}
	g := new(guest)
	if _, has, result := b.Add(&g.place, keyOf(9), g, address.Limits{Total: 4, Kept: 2}); has || result != address.Full {
		t.Errorf("got %v", result)
	}
	if _, has, result := b.Add(&g.place, keyOf(0), g, address.Limits{PerAddress: 2}); has || result != address.AddressFull {
		t.Errorf("got %v", result)
	}
}

// TestBoundIsTheNaiveOne compares random programs with a list that is searched for each
// decision.
func TestBoundIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var b address.Bound[*guest]
		var naive []*guest // the oldest first
		for step := range 300 {
			switch op := random.IntN(10); {
			case op < 6:
				g := &guest{key: keyOf(random.IntN(6)), number: step}
				l := address.Limits{Total: 20, PerAddress: 12, Kept: random.IntN(3)}
				want, wantResult := decideNaively(naive, g.key, l)
				evicted, has, result := b.Add(&g.place, g.key, g, l)
				if result != wantResult || has != (want != nil) || has && evicted != want {
					t.Fatalf("seed %d, step %d: got %v %v, want %v %v", seed, step, evicted, result, want, wantResult)
				}
				if has {
					naive = slices.DeleteFunc(naive, func(g *guest) bool { return g == evicted })
				}
				if result == address.Added {
					naive = append(naive, g)
				}
			case len(naive) == 0:
			case op < 9:
				i := random.IntN(len(naive))
				b.Remove(&naive[i].place)
				naive = slices.Delete(naive, i, i+1)
			default:
				g := naive[random.IntN(len(naive))]
				g.pinned = true
				b.Pin(&g.place)
			}
			if b.Len() != len(naive) {
				t.Fatalf("seed %d, step %d: %d values, want %d", seed, step, b.Len(), len(naive))
			}
		}
	}
}

func decideNaively(all []*guest, key address.Key, l address.Limits) (evicted *guest, result address.Result) {
	counts, evictable := make(map[address.Key]int), make(map[address.Key]int)
	for _, g := range all {
		if counts[g.key]++; !g.pinned {
			evictable[g.key]++
		}
	}
	if counts[key] >= l.PerAddress {
		return nil, address.AddressFull
	}
	if len(all) < l.Total {
		return nil, address.Added
	}
	most := 0
	for _, n := range evictable {
		most = max(most, n)
	}
	if most <= max(counts[key], l.Kept) {
		return nil, address.Full
	}
	for _, g := range all {
		if !g.pinned && evictable[g.key] == most {
			return g, address.Added
		}
	}
	panic("unreachable")
}

func BenchmarkBoundAddFull(b *testing.B) {
	b.ReportAllocs()
	var bound address.Bound[*guest]
	keys := make([]address.Key, 1000)
	for i := range keys {
		keys[i] = address.KeyOf(fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	for i := range 20_000 {
		g := new(guest)
		bound.Add(&g.place, keys[i%len(keys)], g, address.Limits{})
	}
	next := new(guest)
	for i := 0; b.Loop(); i++ {
		evicted, has, _ := bound.Add(&next.place, keys[i%len(keys)], next, address.Limits{Total: 20_000})
		if has {
			next = evicted
		}
	}
}
