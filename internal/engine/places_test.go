package engine_test

import (
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

const (
	attacker = "EIO=4&address=192.0.2.66"
	stranger = "EIO=4&address=192.0.2.7"
)

func TestUnjoinedOfOneAddressMakeRoomForStranger(t *testing.T) {
	for _, version := range []string{"3", "4"} {
		w := newTestServer(t, testConfig(), engine.Options{MaxUnjoined: 3})
		w.accept = func(p *testReceiver) error {
			if p.session.Version() == 3 {
				p.session.MarkJoined() // as the hub does
			}
			return nil
		}
		serveTCP(t, w)
		from := "EIO=" + version + "&address=192.0.2.66"
		first := w.openPolling(from)
		for range 2 {
			w.openPolling(from)
		}
		if status, body, h := w.request("GET", from+"&transport=polling", ""); status != 503 || h.Get("Retry-After") == "" {
			t.Errorf("revision %s: the address has all sessions: got %d %s", version, status, body)
		}
		w.openPolling(stranger)
		if status, _, _ := w.request("GET", first, ""); status != 400 {
			t.Errorf("revision %s: the oldest session is open: status %d", version, status)
		}
		if st := w.server.Stats(); st.Unjoined != 3 || st.Polling != 3 || w.server.Sessions() != 3 || w.route.Sessions() != 3 {
			t.Errorf("revision %s: %+v", version, st)
		}
	}
}

// A session of revision 3 is joined before its client has proved that it gets replies.
func TestRevision3CountsUntilProven(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.accept = func(p *testReceiver) error {
			p.session.MarkJoined()
			return nil
		}
		polling := w.openPolling("EIO=3")
		ws := w.dialWebSocket("EIO=3")
		ws.wantOpenPacket()
		if n := w.server.Stats().Unjoined; n != 2 {
			t.Fatalf("%d are unjoined, want 2", n)
		}
		w.request("POST", polling, "1:2")
		ws.sendText("2")
		ws.wantMessages("3")
		if n := w.server.Stats().Unjoined; n != 0 {
			t.Errorf("%d are unjoined after a packet of each", n)
		}
	})
}

func TestUnjoinedLimitOfAddress(t *testing.T) {
	c := testConfig()
	c.PerAddress.MaxUnjoined = 2
	var limits []string
	w := newTestServer(t, c, engine.Options{AddressLimited: func(_ *engine.Route, address, limit string, evicted bool) {
		limits = append(limits, address+" "+limit)
	}})
	serveTCP(t, w)
	w.openPolling(attacker)
	w.openPolling(attacker)
	status, body, h := w.request("GET", attacker+"&transport=polling", "")
	if status != 429 || body != `{"code":4,"message":"Too many requests"}` || h.Get("Retry-After") == "" {
		t.Errorf("got %d %s, Retry-After %q", status, body, h.Get("Retry-After"))
	}
	if len(limits) != 1 || limits[0] != "192.0.2.66 unjoined" || w.server.Stats().Refused[429] != 1 {
		t.Errorf("reported %q", limits)
	}
	w.openPolling(stranger)
	w.lastReceiver().session.Close("x")
	w.mu.Lock()
	w.receivers[0].session.MarkJoined()
	w.mu.Unlock()
	w.openPolling(attacker)
}

func TestFullRouteMakesRoomForStranger(t *testing.T) {
	c := testConfig()
	c.MaxConnections = 20
	w := newTestServer(t, c, engine.Options{})
	serveTCP(t, w)
	first := w.dialWebSocket(attacker)
	first.wantOpenPacket()
	for range 19 {
		w.openPolling(attacker)
	}
	if status, _, _ := w.request("GET", attacker+"&transport=polling", ""); status != 503 {
		t.Errorf("the address has all connections: got %d", status)
	}
	w.openPolling(stranger)
	if _, _, err := first.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
		t.Errorf("the oldest connection: %v", err)
	}
	for range 8 {
		w.openPolling(stranger)
	}
	if n := w.route.Sessions(); n != 20 {
		t.Errorf("%d sessions", n)
	}
}

// An address that has no more than a tenth of a route's connections keeps them.
func TestFullRouteKeepsConnectionsOfManyAddresses(t *testing.T) {
	c := testConfig()
	c.MaxConnections = 20
	w := newTestServer(t, c, engine.Options{})
	serveTCP(t, w)
	for i := range 20 {
		w.openPolling("EIO=4&address=192.0.2." + string(rune('0'+i/2)))
	}
	if status, _, _ := w.request("GET", "EIO=4&transport=polling&address=192.0.2.77", ""); status != 503 {
		t.Errorf("got %d", status)
	}
}

func TestConnectionLimitOfAddress(t *testing.T) {
	c := testConfig()
	c.PerAddress.MaxConnections = 1
	w := newTestServer(t, c, engine.Options{})
	serveTCP(t, w)
	w.openPolling("EIO=4&address=2001:db8::1")
	d := websocket.Dialer{NetDialContext: w.dial}
	_, resp, err := d.Dial("ws://"+w.url+"/socket.io/?EIO=4&transport=websocket&address=2001:db8::2", nil)
	if err == nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the same /64: got %v %v", resp, err)
	}
	w.openPolling("EIO=4&address=2001:db8:0:1::1")
	if n := w.server.Sessions(); n != 2 || w.server.Stats().Unjoined != 2 {
		t.Errorf("%d sessions, %+v", n, w.server.Stats())
	}
}

func TestHandshakeRateOfAddress(t *testing.T) {
	c := testConfig()
	c.PerAddress.HandshakeRate, c.PerAddress.HandshakeBurst = 0.5, 2
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.openPolling(attacker)
		w.openPolling(attacker)
		status, _, h := w.request("GET", attacker+"&transport=polling", "")
		if status != 429 || h.Get("Retry-After") != "2" {
			t.Errorf("got %d, Retry-After %q", status, h.Get("Retry-After"))
		}
		w.openPolling(stranger)
		time.Sleep(2 * time.Second)
		w.openPolling(attacker)
	})
}
