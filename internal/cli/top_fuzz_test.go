package cli

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/api"
)

// FuzzTop checks that names of clients don't control the terminal of top, and that the screen
// fits into the terminal.
func FuzzTop(f *testing.F) {
	f.Add("lobby", "/chat", "ada", "polling", 80, 24)
	f.Add("\x1b[2J", "\u009b31m", "\u202e", "漢字", 20, 5)
	f.Add("\xff", "", "e\u0301", "\n", 1, 1)
	f.Fuzz(func(t *testing.T, room, namespace, user, transport string, width, height int) {
		width, height = int(uint8(width))+1, int(uint8(height))+1
		top := &api.Top{
			Time: time.Now(), Seconds: 1, Nodes: 1, Sockets: 1, Deliveries: 3,
			Namespaces: []hub.NamespaceActivity{{Name: namespace, Sockets: 1}, {Name: "/", Deliveries: 3}},
			Rooms:      []hub.RoomActivity{{Namespace: namespace, Name: room}, {Namespace: "/", Name: user}},
			Queues:     []hub.ClientQueue{{Socket: room, Namespace: namespace, User: user, Address: transport, Transport: transport, Bytes: -1}},
		}
		lines := renderTop(top, user, width, height)
		if len(lines) > height {
			t.Errorf("%d lines, the terminal has %d", len(lines), height)
		}
		for _, line := range lines {
			if textWidth(line) > width || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("width %d: %q", width, line)
			}
		}
	})
}
