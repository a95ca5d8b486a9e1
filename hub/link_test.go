package hub_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// panickingCluster is a cluster, and each of its adapters, whose methods panic. Open returns.
type panickingCluster struct{ cluster.Adapter }

func (c *panickingCluster) Open(string, cluster.Node) (cluster.Adapter, error) { return c, nil }
func (*panickingCluster) State() cluster.State                                 { panic("state") }
func (*panickingCluster) Publish(cluster.Operation) error                      { panic("publish") }
func (*panickingCluster) Close() error                                         { panic("close") }

func (*panickingCluster) Request(context.Context, cluster.Request, func(cluster.Reply)) error {
	panic("request")
}

// TestPanicsOfAdapterAreErrors has members join and leave while every call of the adapter
// panics. The node's own sockets get all events, for as long as the ticks of presence last.
func TestPanicsOfAdapterAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &panickingCluster{}
		n := newPresenceNode(t, newPresenceConfig(broken, lobbyPresence()))
		ada, bob := n.connectAs("ada"), n.connectAs("bob")
		ada.callEvent("join", "lobby")
		for range 3 {
			bob.callEvent("join", "lobby")
			ada.wantEvents(`["joined",{"key":"bob","data":{}},"lobby"]`)
			bob.callEvent("leave", "lobby")
			time.Sleep(6 * time.Second) // the grace of a member, and heartbeats of the roster
			ada.wantEvents(`["left",{"key":"bob","data":{}},"lobby"]`)
		}
		if _, err := n.Of("/").Emit("news"); err != nil {
			t.Error(err)
		}
		ada.wantEvents(`["news"]`)
		if _, err := n.Of("/").All().FetchSockets(t.Context()); err == nil || !strings.Contains(err.Error(), "request of an adapter: panic: request") {
			t.Errorf("FetchSockets: %v", err)
		}
		if state, ok := n.ClusterState(); !ok || state.Connected || state.Error != "state of an adapter: panic: state" {
			t.Errorf("state %+v, %v", state, ok)
		}
		n.Configure(newPresenceConfig(nil, lobbyPresence())) // closes the adapter
		ada.wantEvents()
	})
}

// TestPanicOfRoomListenerIsLogged has a listener of rooms panic. The join that caused the call
// takes effect.
func TestPanicOfRoomListenerIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		ada := n.connectAs("ada")
		defer n.Of("/").OnRoom(func(hub.RoomEvent) { panic("listener") })()
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
	})
}
