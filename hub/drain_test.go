package hub_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
)

var drainClients = flag.Int("drain.clients", 600, "number of clients that TestDrainedClientsReconnectSteadily drains")

// drainedNode is a node with a [hub.Drainer], in fake time.
type drainedNode struct {
	*pipeServer
	hub     *hub.Hub
	drainer *hub.Drainer
	server  *http.Server
}

func newDrainedNode(t *testing.T) *drainedNode {
	n := &drainedNode{pipeServer: &pipeServer{t, make(pipe, 1)}}
	n.drainer = hub.NewDrainer(func(yield func(*hub.Hub) bool) { yield(n.hub) }, zap.NewNop)
	n.hub = hub.New(hub.Options{Drainer: n.drainer})
	n.server = &http.Server{Handler: n.hub}
	go n.server.Serve(n.conns) // ends when the test closes both
	return n
}

func (n *drainedNode) closeAll() {
	n.hub.Close()
	close(n.conns)
	n.server.Close()
}

// connectClient connects a client to the namespace /.
func (n *drainedNode) connectClient() *client {
	n.t.Helper()
	c, status, _ := n.dialClient()
	if c == nil {
		n.t.Fatalf("refused with status %d", status)
	}
	c.joinNamespace("/", "")
	return c
}

// awaitClose reads until the connection is closed.
func (c *client) awaitClose() {
	_ = c.conn.SetReadDeadline(time.Time{})
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			c.conn.Close()
			return
		}
	}
}

// reconnectDelay is the time that the official client waits before it reconnects.
func reconnectDelay() time.Duration {
	return 500*time.Millisecond + rand.N(time.Second)
}

// Clients of a node that drains connect to another node, about as many each second.
func TestDrainedClientsReconnectSteadily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const over = 30
		first, second := newDrainedNode(t), newDrainedNode(t)
		defer first.closeAll()
		defer second.closeAll()
		total := *drainClients
		reconnects := make(chan int, total) // the second of each reconnect
		var dial sync.Mutex                 // the listener takes one connection after another
		var began time.Time
		for range total {
			c := first.connectClient()
			go func() {
				c.awaitClose()
				time.Sleep(reconnectDelay())
				dial.Lock()
				defer dial.Unlock()
				second.connectClient()
				reconnects <- int(time.Since(began) / time.Second)
			}()
		}
		began = time.Now()
		if err := first.drainer.Start(over * time.Second); err != nil {
			t.Fatal(err)
		}
		rates := make([]int, over+2)
		for range total {
			rates[<-reconnects]++
		}
		steady := rates[2:over] // from the third second on, until the last full one
		if most, mean := slices.Max(steady), total/over; most > 3*mean || slices.Min(steady) < mean/3 {
			t.Errorf("reconnects in each second %v, expected about %d", rates, mean)
		}
		t.Logf("%d clients over %d s: reconnects in each second %v, at most %d", total, over, rates, slices.Max(rates))
		if s := first.drainer.Status(); s.State != hub.Drained || s.Connections != 0 || s.Total != total {
			t.Errorf("got %+v", s)
		}
	})
}

func TestDrainKeepsClientsUntilTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newDrainedNode(t)
		defer n.closeAll()
		handleSync(n.hub.Of("/"))
		clients := make([]*client, 20)
		for i := range clients {
			clients[i] = n.connectClient()
		}
		if err := n.drainer.Start(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		if _, status, retry := n.dialClient(); status != http.StatusServiceUnavailable || retry == "" {
			t.Errorf("a handshake got status %d, Retry-After %q", status, retry)
		}
		time.Sleep(10 * time.Second)
		if s := n.drainer.Status(); s.State != hub.Draining || s.Connections < 9 || s.Connections > 11 || s.Left != 10*time.Second {
			t.Errorf("got %+v", s)
		}
		if err := n.drainer.Cancel(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		clients = append(clients, n.connectClient())
		live := 0
		for _, c := range clients {
			if err := c.conn.WriteMessage(1, []byte(`427["sync"]`)); err != nil {
				continue
			}
			if _, err := c.readNext(); err == nil {
				live++
			}
		}
		if s := n.drainer.Status(); s.State != hub.Serving || s.Connections != live || live < 10 || live > 12 {
			t.Errorf("%d connections are live: %+v", live, s)
		}
	})
}

// A second drain replaces the pace of the first, and the exit of the process that of both.
func TestDrainMayBecomeFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newDrainedNode(t)
		defer n.closeAll()
		reasons := make(chan string, 100)
		n.hub.Of("/").On("disconnect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			reasons <- ev.Reason
			return nil
		}))
		for range 100 {
			c := n.connectClient()
			go c.awaitClose()
		}
		_ = n.drainer.Start(time.Hour)
		_ = n.drainer.Start(time.Minute)
		time.Sleep(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		n.drainer.Shutdown(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the exit took %s", took)
		}
		if n.hub.Connections() != 0 || len(reasons) != 100 {
			t.Errorf("%d connections are open, %d disconnect events handled", n.hub.Connections(), len(reasons))
		}
		if reason := <-reasons; reason != hub.ReasonShutdown {
			t.Errorf("got reason %q", reason)
		}
		if n.drainer.Start(0) != hub.ErrExiting || n.drainer.Cancel() != hub.ErrExiting {
			t.Error("the drain of a process that exits was changed")
		}
	})
}

// Sessions that open while a drain begins are closed, or refused.
func TestDrainMissesNoConnection(t *testing.T) {
	var h *hub.Hub
	d := hub.NewDrainer(func(yield func(*hub.Hub) bool) { yield(h) }, zap.NewNop)
	h = hub.New(hub.Options{Drainer: d})
	defer h.Close()
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 20 {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil))
			}
		})
	}
	if err := d.Start(0); err != nil {
		t.Fatal(err)
	}
	clients.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	d.Shutdown(ctx) // it waits for the drain
	if s := d.Status(); s.Connections != 0 {
		t.Errorf("got %+v", s)
	}
}
