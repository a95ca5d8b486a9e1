package hub_test

import (
	"runtime"
	"testing"
	"time"
)

// measureHeap returns the bytes of the heap and of stacks that are in use, when they and the
// number of goroutines have not changed for a while: on a busy machine, goroutines end late.
func measureHeap() int64 {
	last, goroutines := int64(-1), 0
	for stable := 0; ; {
		runtime.GC()
		runtime.GC() // empties the pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap, n := int64(m.HeapAlloc+m.StackInuse), runtime.NumGoroutine()
		if d := heap - last; n == goroutines && d < 32<<10 && d > -32<<10 {
			stable++
		} else {
			stable = 0
		}
		if stable == 2 {
			return heap
		}
		last, goroutines = heap, n
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitGoroutines registers a cleanup that waits until the goroutines of the test have ended:
// the next measurement begins without their memory.
func awaitGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(testTimeout); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	})
}

// compareWithHeap compares the growth of the heap and of the counted bytes since a measurement.
// Both may be on their way: it waits until they are within a fifth of each other. least is the
// smallest part in percent of the heap that has to be counted.
func (f *memoryFixture) compareWithHeap(what string, heapBefore, usedBefore int64, least int64) {
	f.Helper()
	for deadline := time.Now().Add(testTimeout); ; {
		heap, used := measureHeap()-heapBefore, f.memory.Used()-usedBefore
		fits := used >= heap*least/100 && used <= heap*12/10
		if fits || time.Now().After(deadline) {
			f.Logf("%s: heap %d, counted %d (%+.1f %%): %v", what, heap, used, 100*float64(used-heap)/float64(heap), f.memory.Usage())
			if !fits {
				f.Errorf("%s: counted %d, the heap has %d", what, used, heap)
			}
			return
		}
	}
}
