package hub_test

import (
	"errors"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Names of messages between nodes are refused: a program could not know their form.
func TestServerEmitWithReservedNameIsRefused(t *testing.T) {
	h, _ := newHub(t)
	ns := h.Of("/")
	for _, name := range []string{"caddy-socketio:roster", "caddy-socketio:", "connection"} {
		op := cluster.ServerEmit{Data: sio.Array(sio.Quote(name))}
		if _, err := ns.Do(op); !errors.Is(err, hub.ErrEvent) {
			t.Errorf("Do %q: got %v", name, err)
		}
		err := ns.Request(t.Context(), cluster.ServerEmitAck{ServerEmit: op}, func(cluster.Reply) {})
		if !errors.Is(err, hub.ErrEvent) {
			t.Errorf("Request %q: got %v", name, err)
		}
	}
	if _, err := ns.Do(cluster.ServerEmit{Data: sio.Array(sio.Quote("caddy"))}); err != nil {
		t.Error(err)
	}
}
