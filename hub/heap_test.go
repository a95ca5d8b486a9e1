package hub_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
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

// inOwnProcess runs the test in a process of its own, and reports whether this is it. Other tests
// would leave memory in the heap that goes away while the test measures: sessions that close
// slowly, for instance, or stopped timers.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	const variable = "TEST_IN_OWN_PROCESS"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	test := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
	test.Env = append(os.Environ(), variable+"="+t.Name(), "GORACE=atexit_sleep_ms=0")
	output, err := test.CombinedOutput()
	t.Logf("%s", output)
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Errorf("the test in its own process: %v", err)
	}
	return false
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
