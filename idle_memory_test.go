package socketio

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// TestIdleConnectionIsSmall bounds the memory of an idle WebSocket: no goroutine on Linux, and
// few objects. The client's share counts. The bounds are some 20 % above the measured values.
func TestIdleConnectionIsSmall(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("each WebSocket has a goroutine and its buffers")
	}
	const (
		count                           = 300
		maxBytes, maxObjects, maxAllocs = 6200, 60, 330
	)
	s := startCaddy(t, false, "socketio")
	warm := dialIdle(t, s.site) // starts the watcher, and fills caches
	defer warm.Close()
	goroutines := runtime.NumGoroutine() - 1 // the reader of warm ends soon
	before := readMemory()
	conns := make([]net.Conn, count)
	for i := range conns {
		conns[i] = dialIdle(t, s.site)
		defer conns[i].Close()
	}
	connected := readMemory()
	if n := (connected.Mallocs - before.Mallocs) / count; n > maxAllocs {
		t.Errorf("a connect allocates %d objects, expected at most %d", n, maxAllocs)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines+5 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine() - goroutines; n > 5 {
		t.Errorf("%d goroutines for %d idle connections", n, count)
	}
	idle := readMemory()
	bytes, objects := (int64(idle.HeapAlloc)-int64(before.HeapAlloc))/count, (int64(idle.HeapObjects)-int64(before.HeapObjects))/count
	t.Logf("%d bytes in %d objects", bytes, objects)
	if bytes > maxBytes || objects > maxObjects {
		t.Errorf("an idle connection keeps %d bytes in %d objects, expected at most %d in %d", bytes, objects, maxBytes, maxObjects)
	}
}

// readMemory collects garbage, also in pools, and returns the state of the memory.
func readMemory() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}
