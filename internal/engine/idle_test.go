package engine_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pastLinger is longer than a reader waits for the next message.
const pastLinger = 300 * time.Millisecond

// forEachWire runs a test over TCP and over TLS.
func forEachWire(t *testing.T, run func(t *testing.T, w *testServer)) {
	for name, serve := range map[string]func(testing.TB, *testServer){"TCP": serveTCP, "TLS": serveTLS} {
		t.Run(name, func(t *testing.T) {
			w := newTestServer(t, testConfig(), noOptions())
			serve(t, w)
			run(t, w)
		})
	}
}

// openIdle opens count WebSockets, and waits until they have no goroutine.
func openIdle(t *testing.T, w *testServer, count int) []*client {
	if runtime.GOOS != "linux" {
		t.Skip("each WebSocket has a goroutine")
	}
	first := w.dialWebSocket("EIO=4") // starts the watcher
	first.wantOpenPacket()
	time.Sleep(pastLinger)
	before := runtime.NumGoroutine()
	clients := []*client{first}
	for range count - 1 {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("4a")
		c.wantMessages("4a")
		clients = append(clients, c)
	}
	awaitCondition(func() bool { return runtime.NumGoroutine() <= before })
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Fatalf("%d goroutines for %d idle WebSockets", n, count)
	}
	return clients
}

func TestIdleWebSocketsHaveNoGoroutine(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		for i, c := range openIdle(t, w, 50) {
			w.receivers[i].session.Send(newText("b"))
			c.wantMessages("4b")
			c.sendText("4c")
			c.wantMessages("4c")
		}
	})
}

func TestIdleWebSocketCloses(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		clients := openIdle(t, w, 3)
		w.receivers[0].session.Close("kicked")
		clients[0].wantMessages(closedWithoutStatus)
		clients[1].NetConn().Close()
		clients[2].sendText("1")
		for i, want := range []string{"kicked", "transport close", "transport close"} {
			p := w.receivers[i]
			awaitCondition(func() bool { return p.closeReason() != "" })
			if got := p.closeReason(); got != want {
				t.Errorf("session %d closed for %q, want %q", i, got, want)
			}
		}
	})
}

func TestDrainWakesIdleWebSockets(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		for _, c := range openIdle(t, w, 3) {
			go func() {
				c.readMessage()
				c.Close()
			}()
		}
		w.wantDrained(t)
	})
}

// wantDrained drains the server, and checks that each reader has ended.
func (w *testServer) wantDrained(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.server.Drain(ctx, "test over")
	if ctx.Err() != nil {
		t.Errorf("WebSockets are left: %+v", w.server.Stats())
	}
}

// haltingConn sends each write in two parts, with a pause between: the server has a part of
// a frame, or of a TLS record, for longer than a reader waits.
type haltingConn struct {
	net.Conn
	halts *atomic.Bool
}

func (c haltingConn) Write(p []byte) (int, error) {
	if !c.halts.Load() {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	time.Sleep(pastLinger)
	rest, err := c.Conn.Write(p[len(p)/2:])
	return n + rest, err
}

// TestMessageArrivesInParts has messages that begin while the WebSocket is idle, and while its
// reader waits.
func TestMessageArrivesInParts(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		t.Parallel()
		var halts atomic.Bool
		overTLS := w.http == nil
		w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil || !overTLS {
				return haltingConn{nc, &halts}, err
			}
			return tls.Client(haltingConn{nc, &halts}, &tls.Config{InsecureSkipVerify: true}), nil
		}
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		halts.Store(true)
		for i := range 3 {
			c.sendText("4" + strconv.Itoa(i))
			c.wantMessages("4" + strconv.Itoa(i))
			if i == 1 {
				time.Sleep(pastLinger)
			}
		}
	})
}

// joiningConn sends the writes of a while at once, when joins is set to false.
type joiningConn struct {
	net.Conn
	joins   *atomic.Bool
	waiting *[]byte
}

func (c joiningConn) Write(p []byte) (int, error) {
	*c.waiting = append(*c.waiting, p...)
	if c.joins.Load() {
		return len(p), nil
	}
	_, err := c.Conn.Write(*c.waiting)
	*c.waiting = nil
	return len(p), err
}

// TestMessageArrivesWithAHeartbeat has a heartbeat and a message in one segment: over TLS, both
// are read from the socket at once. The client sends nothing more until the reply.
func TestMessageArrivesWithAHeartbeat(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		var joins atomic.Bool
		overTLS := w.http == nil
		w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			joining := joiningConn{nc, &joins, new([]byte)}
			if err != nil || !overTLS {
				return joining, err
			}
			return tls.Client(joining, &tls.Config{InsecureSkipVerify: true}), nil
		}
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		for i := range 3 {
			if i > 0 {
				time.Sleep(pastLinger)
			}
			joins.Store(true)
			c.sendText("3")
			joins.Store(false)
			c.sendText("4a")
			c.wantMessages("4a")
		}
	})
}

// TestIdlenessKeepsOrder has clients that pause for about as long as a reader waits, while the
// server sends, and connections that end at any time.
func TestIdlenessKeepsOrder(t *testing.T) {
	forEachWire(t, func(t *testing.T, w *testServer) {
		t.Parallel()
		var clients sync.WaitGroup
		for n := range 60 {
			c := w.dialWebSocket("EIO=4")
			c.wantOpenPacket()
			session := w.lastReceiver().session
			clients.Go(func() {
				for i := range 8 {
					time.Sleep(90*time.Millisecond + rand.N(120*time.Millisecond))
					text := fmt.Sprint("4", n, " ", i)
					c.sendText(text)
					if got := c.readMessage(); got != text {
						t.Errorf("got %q, want %q", got, text)
						return
					}
				}
				switch n % 3 {
				case 0:
					c.NetConn().Close()
				case 1:
					time.Sleep(rand.N(pastLinger))
					session.Close("bye")
					c.wantMessages(closedWithoutStatus)
				case 2:
					time.Sleep(rand.N(pastLinger))
					c.Close()
				}
			})
		}
		clients.Wait()
		w.wantDrained(t)
	})
}
