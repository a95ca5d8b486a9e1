package hub_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// newLoggedHub returns a hub whose log from info level on is observed, and its URL.
func newLoggedHub(t *testing.T) (*hub.Hub, string, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	h := hub.New(hub.Options{Name: "logged", Log: zap.New(core)})
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.Close()
		h.Close()
	})
	return h, "ws" + strings.TrimPrefix(server.URL, "http") + "/socket.io/", logs
}

func TestDisconnectIsLoggedWithItsTraffic(t *testing.T) {
	h, url, logs := newLoggedHub(t)
	h.Of("/chat").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		ev.SetValue("jwt", sio.Data{JSON: []byte(`{"sub":"alice","secret":"x"}`)})
		return ev.Socket.Join("lobby", "game")
	}))
	handleSync(h.Of("/chat"))
	c, socketID := joinNamespace(t, url, "/chat", `{"token":"secret"}`)
	c.syncEvents("/chat")
	socket, _ := h.Of("/chat").Socket(socketID)
	c.sendPacket("41/chat,")
	receiveWithin(t, socket.Done())

	lines := logs.FilterMessage("socket disconnected").All()
	if len(lines) != 1 || lines[0].LoggerName != "sockets" || lines[0].Level != zapcore.InfoLevel {
		t.Fatal(lines)
	}
	got := lines[0].ContextMap()
	if took := got["duration"]; reflect.ValueOf(took).Int() <= 0 {
		t.Errorf("duration %v", took)
	}
	delete(got, "duration")
	sent := `0{"sid":"` + c.sid + `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}` +
		`40/chat,{"sid":"` + socketID + `"}` + `43/chat,7[]`
	received := `40/chat,{"token":"secret"}` + `42/chat,7["sync"]` + `41/chat,`
	want := map[string]any{
		"hub": "logged", "namespace": "/chat", "socket": socketID, "address": got["address"],
		"session": id.ForLog(c.sid), "user": "alice", "transport": "websocket", "protocol": int64(4),
		"rooms": []any{"lobby", "game"}, "room_count": int64(2),
		"packets_in": uint64(3), "bytes_in": uint64(len(received)), "packets_out": uint64(3), "bytes_out": uint64(len(sent)),
		"reason": "client namespace disconnect", "cause": "",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// The id of a socket of Socket.IO 2 is the secret of its connection.
func TestLogHidesIDsOfSocketIO2(t *testing.T) {
	h, url, logs := newLoggedHub(t)
	c := dialClient(t, url, "3")
	c.wantPacket("40")
	c.sendPacket("40/chat,")
	c.wantPacket(`44/chat,"Invalid namespace"`)
	h.Of("/chat")
	c.sendPacket("40/chat,")
	c.wantPacket("40/chat,")
	var sockets []*hub.Socket
	for _, name := range []string{"/", "/chat"} {
		found, err := h.Of(name).Local().FetchSockets(t.Context())
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		socket, _ := h.Of(name).Socket(found[0].ID)
		sockets = append(sockets, socket)
		c.sendPacket("42" + strings.TrimPrefix(name+",", "/,") + `["unknown"]`)
	}
	c.conn.Close()
	for _, socket := range sockets {
		receiveWithin(t, socket.Done())
	}
	var text strings.Builder
	for _, line := range logs.All() {
		fmt.Fprintf(&text, "%v\n", line.ContextMap())
	}
	hash := id.ForLog(c.sid)
	for _, want := range []string{"socket:" + hash, "socket:/chat#" + hash} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in %s", want, text.String())
		}
	}
	if strings.Contains(text.String(), c.sid) {
		t.Errorf("the secret %s is in %s", c.sid, text.String())
	}
}
