package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/api"
)

func TestSocketDetailsAreText(t *testing.T) {
	now := time.Now()
	var out strings.Builder
	writeSocketDetails(&out, &api.SocketDetails{
		ID: "abc", Namespace: "/chat", Node: "web1#7", State: "connected", Protocol: 4, Transport: "websocket",
		Rooms: []string{"abc", "\x1b[2Jlobby"}, Data: json.RawMessage(`{"name":"Ada"}`),
		Handshake: hub.InspectedHandshake{Time: "2026-11-29T07:00:00Z", Address: "192.0.2.1", Headers: map[string]string{"x-name": "a\nb"}},
		Queues:    &hub.Queues{Events: 1, EventBytes: 20, Messages: 2, MessageBytes: 300},
		Memory:    map[string]int64{"session": 3000, "queue": 300},
		LastEvent: &hub.LastEvent{Name: "say\x07", Time: now, Rule: "say shout-*"},
	})
	for _, want := range []string{
		"state       connected\n", "transport   websocket, protocol 4\n", `data        {"name":"Ada"}` + "\n",
		`\x1b[2Jlobby`, "2 wait for the client, 300 bytes\n", "memory      queue 300, session 3000\n", "matched by: on say shout-*\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q", out.String(), want)
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\x07") {
		t.Errorf("control characters reach the terminal: %q", out.String())
	}
}

func TestClosedSocketIsExplained(t *testing.T) {
	var out strings.Builder
	writeSocketDetails(&out, &api.SocketDetails{
		ID: "abc", Namespace: "/", State: "disconnected", Transport: "websocket",
		Close: &hub.SocketClose{Time: time.Now(), Reason: "forced close", Cause: "slow client", Recoverable: true},
	})
	for _, want := range []string{"disconnected, saved for the client to recover\n", "reason     forced close\n", "cause      slow client\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q", out.String(), want)
		}
	}
}
