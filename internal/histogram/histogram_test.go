package histogram

import (
	"math"
	"reflect"
	"sync"
	"testing"
)

func TestValuesCountUpToTheirBound(t *testing.T) {
	h := New([]int64{0, 10, 100})
	for _, v := range []int64{-1, 0, 1, 10, 11, 100, 101, math.MaxInt32} {
		h.Observe(v)
	}
	want := Snapshot{Bounds: []int64{0, 10, 100}, Counts: []uint64{2, 4, 6}, Count: 8, Sum: 222 + math.MaxInt32}
	if got := h.Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBoundsFitAndAscend(t *testing.T) {
	for _, bounds := range [][]int64{Durations, Numbers, Sizes} {
		if len(bounds) > maxBounds {
			t.Errorf("%d bounds", len(bounds))
		}
		for i := range bounds[1:] {
			if bounds[i] >= bounds[i+1] {
				t.Errorf("%d before %d", bounds[i], bounds[i+1])
			}
		}
	}
}

func TestConcurrentValuesAreAllCounted(t *testing.T) {
	h := New(Numbers)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range int64(1000) {
				h.Observe(i)
			}
		})
	}
	wg.Wait()
	if s := h.Snapshot(); s.Count != 8000 || s.Sum != 8*999*500 {
		t.Errorf("got %+v", s)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := New(Durations)
	b.ReportAllocs()
	for b.Loop() {
		h.Observe(30_000)
	}
}
