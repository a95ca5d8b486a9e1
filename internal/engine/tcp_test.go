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

// serveTCP serves over TCP.
func serveTCP(t testing.TB, w *testServer) {
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url, w.dial = server.Listener.Addr().String(), (&net.Dialer{}).DialContext
	w.http = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(w.http.CloseIdleConnections)
}

// serveTLS serves over TLS.
func serveTLS(t testing.TB, w *testServer) {
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	w.url = server.Listener.Addr().String()
	w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // of a test server, which has no trusted certificate
		return d.DialContext(ctx, network, address)
	}
}

// TestTLS sends to clients over connections that no pump can write to.
func TestTLS(t *testing.T) {
	w := newTestServer(t, testConfig(), noOptions())
	serveTLS(t, w)
	const clients, count = 10, 200
	var readers sync.WaitGroup
	for range clients {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		readers.Go(func() {
			for i := range count {
				if got := c.readMessage(); got != "4"+strconv.Itoa(i)+strings.Repeat("x", 1000) {
					t.Errorf("message %d is %.20q", i, got)
					return
				}
			}
			if got := c.readMessage(); got != closedWithoutStatus {
				t.Errorf("got %q at the end", got)
			}
		})
	}
	for i := range count {
		m := newText(strconv.Itoa(i) + strings.Repeat("x", 1000))
		for _, p := range w.receivers {
			p.session.Send(m)
		}
	}
	w.route.Close("done", "")
	readers.Wait()
}

// TestReadersReplaceOneAnother has heartbeats between messages, in one segment with them
// and alone. Bytes read before the next reader starts must not be lost.
func TestReadersReplaceOneAnother(t *testing.T) {
	w := newTestServer(t, testConfig(), noOptions())
	serveTCP(t, w)
	frames := func(texts ...string) string {
		var all []byte
		for _, text := range texts {
			all = append(all, 0x81, 0x80|byte(len(text)), 0, 0, 0, 0)
			all = append(all, text...)
		}
		return string(all)
	}
	c := w.dialWebSocket("EIO=3")
	c.wantOpenPacket()
	for i := range 50 {
		n := strconv.Itoa(i)
		for _, segment := range []string{
			frames("2", "4a"+n, "2", "2"),
			frames("4b" + n),
			frames("2"),
			frames("4c"+n) + frames("2")[:3],
			frames("2")[3:] + frames("4d"+n),
		} {
			if _, err := c.NetConn().Write([]byte(segment)); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"3", "4a", "3", "3", "4b", "3", "4c", "3", "4d"} {
			if want != "3" {
				want += n
			}
			c.wantMessages(want)
		}
	}
}
