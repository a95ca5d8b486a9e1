package socketio

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// dialIdle connects to the namespace "/" with little memory on the client's side.
func dialIdle(b testing.TB, site string) net.Conn {
	b.Helper()
	host := strings.TrimPrefix(site, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	request := "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: " + host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(request), maskFrame("40")...)); err != nil {
		b.Fatal(err)
	}
	var seen []byte
	var buf [512]byte
	for !bytes.HasSuffix(seen, []byte(`"}`)) || !bytes.Contains(seen, []byte(`40{"sid"`)) {
		n, err := conn.Read(buf[:])
		if err != nil {
			b.Fatal(err)
		}
		seen = append(seen, buf[:n]...)
	}
	return conn
}

// BenchmarkConnect measures the connection of a WebSocket through Caddy to a namespace, and the
// memory and goroutines of each connection after garbage collection. The client's share counts.
func BenchmarkConnect(b *testing.B) {
	const count = 1000
	s := startCaddy(b, false, "socketio")
	hub, _ := Hub(DefaultHub)
	conns := make([]net.Conn, count)
	var took time.Duration
	var memory int64
	var goroutines int
	b.ReportAllocs()
	for b.Loop() {
		memoryBefore, goroutinesBefore, start := measureMemory(), runtime.NumGoroutine(), time.Now()
		for i := range conns {
			conns[i] = dialIdle(b, s.site)
		}
		took += time.Since(start)
		memory += measureMemory() - memoryBefore
		goroutines += runtime.NumGoroutine() - goroutinesBefore
		for _, c := range conns {
			c.Close()
		}
		for hub.Of("/").Len() > 0 {
			runtime.Gosched()
		}
	}
	all := float64(b.N * count)
	b.ReportMetric(float64(took.Nanoseconds())/all, "ns/conn")
	b.ReportMetric(float64(memory)/all, "B/conn")
	b.ReportMetric(float64(goroutines)/all, "goroutines/conn")
}

// measureMemory returns the bytes of objects and stacks after garbage collection.
func measureMemory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
