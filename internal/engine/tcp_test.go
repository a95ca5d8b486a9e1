package engine_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// serveTCP serves over real sockets.
func serveTCP(t testing.TB, w *world) {
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url, w.dial = server.Listener.Addr().String(), (&net.Dialer{}).DialContext
	w.http = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(w.http.CloseIdleConnections)
}

// TestTLS sends to clients whose connections no pump can write to.
func TestTLS(t *testing.T) {
	w := newWorld(t, config(), engineOptions())
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	w.url = server.Listener.Addr().String()
	w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // of a test server
		return d.DialContext(ctx, network, address)
	}
	const clients, count = 10, 200
	var readers sync.WaitGroup
	for range clients {
		c := w.ws("EIO=4")
		c.wantOpen()
		readers.Go(func() {
			for i := range count {
				if got := c.next(); got != "4"+strconv.Itoa(i)+strings.Repeat("x", 1000) {
					t.Errorf("message %d is %.20q", i, got)
					return
				}
			}
			if got := c.next(); got != closedWithout {
				t.Errorf("got %q at the end", got)
			}
		})
	}
	for i := range count {
		m := text(strconv.Itoa(i) + strings.Repeat("x", 1000))
		for s := range w.server.All() {
			s.Send(m)
		}
	}
	w.route.Close("done")
	readers.Wait()
}
