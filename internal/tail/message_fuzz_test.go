package tail

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
)

// FuzzMessage checks that a message of another node adds nothing but objects of JSON to a tail,
// a line each, that don't control the terminal.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"tail":"t","lines":"{\"kind\":\"event\"}\n[1]\n{\"a\":\"\u009b\"}"}`))
	f.Add([]byte(`{"tail":"t","end":"the tail is closed by the node \u001b[2J"}`))
	f.Add([]byte(`{"tail":"t","filter":{"namespaces":["/**"],"event":"a*","room":"x"}}`))
	f.Add([]byte(`{"tail":"t","stop":true}`))
	f.Add([]byte(`{"tail":1}`))
	h := hub.New(hub.Options{})
	f.Cleanup(h.Close)
	server := New(h, zap.NewNop())
	f.Fuzz(func(t *testing.T, payload []byte) {
		own := &Tail{queue: newQueue(Filter{}), id: "t", server: server}
		server.mu.Lock()
		server.tails[own.id] = own
		server.mu.Unlock()
		server.receiveMessage(payload)
		items, reason := own.takeItems()
		lines := server.appendItems(nil, items, false)
		if reason != "" {
			lines = appendLine(lines, EndRecord(reason))
		}
		for line := range bytes.Lines(lines) {
			text, whole := bytes.CutSuffix(line, []byte("\n"))
			if !whole || !json.Valid(text) || text[0] != '{' || strings.ContainsFunc(string(text), unicode.IsControl) {
				t.Errorf("%q adds the line %q", payload, line)
			}
		}
		var m message
		if json.Unmarshal(payload, &m) == nil {
			server.removeForward(m.Tail)
		}
	})
}
