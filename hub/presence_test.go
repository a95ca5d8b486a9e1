package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/gorilla/websocket"
)

// bus is a cluster in memory: each node has a queue, so that messages arrive in order.
type bus struct {
	mu    sync.Mutex
	nodes []*busNode // nil for one that was killed or closed
}

type busNode struct {
	cluster.Adapter
	bus   *bus
	node  cluster.Node
	queue chan cluster.Operation
}

func newBus() *bus { return new(bus) }

// member returns the cluster of one node.
func (b *bus) member() cluster.Cluster { return &busMember{b} }

type busMember struct{ bus *bus }

func (*busMember) State() cluster.State { return cluster.State{Adapter: "bus", Connected: true} }
func (*busMember) Close() error         { return nil }

func (m *busMember) Open(_ string, n cluster.Node) (cluster.Adapter, error) {
	a := &busNode{bus: m.bus, node: n, queue: make(chan cluster.Operation, 10_000)}
	m.bus.mu.Lock()
	m.bus.nodes = append(m.bus.nodes, a)
	m.bus.mu.Unlock()
	go func() {
		for op := range a.queue {
			n.Apply(op)
		}
	}()
	return a, nil
}

func (a *busNode) Publish(op cluster.Operation) error {
	a.bus.mu.Lock()
	defer a.bus.mu.Unlock()
	if !slices.Contains(a.bus.nodes, a) {
		return nil
	}
	for _, other := range a.bus.nodes {
		if other != a && other != nil {
			other.queue <- op
		}
	}
	return nil
}

func (a *busNode) Close() error {
	a.bus.mu.Lock()
	defer a.bus.mu.Unlock()
	if i := slices.Index(a.bus.nodes, a); i >= 0 {
		a.bus.nodes[i] = nil
	}
	close(a.queue)
	return nil
}

// kill cuts a node off, counted in the order of opening, as if its process was killed.
func (b *bus) kill(i int) {
	b.mu.Lock()
	b.nodes[i] = nil
	b.mu.Unlock()
}

// newPresenceConfig returns a config in which a client joins a room by "join", sets its
// name by "name", and lists the members of a room by "list".
func newPresenceConfig(c cluster.Cluster, p ...hub.Presence) hub.Config {
	arg := func(ev *hub.Event, i int) string {
		value, _ := ev.Args.Index(i)
		return value.Text()
	}
	on := func(event string, fn func(ev *hub.Event) error) hub.Rule {
		return hub.Rule{Events: []string{event}, Handlers: []hub.Handler{
			hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return fn(ev) }),
		}}
	}
	return hub.Config{Cluster: c, Routes: []hub.RouteConfig{hub.DefaultRoute()}, Namespaces: []hub.NamespaceConfig{{
		Name: "/", Presence: p,
		Rules: []hub.Rule{
			on("name", func(ev *hub.Event) error { return errors.Join(ev.Socket.Set("name", arg(ev, 0)), ev.Ack()) }),
			on("join", func(ev *hub.Event) error {
				_ = ev.Socket.Join(arg(ev, 0))
				return ev.SendMembers("", arg(ev, 0), "", 1000)
			}),
			on("leave", func(ev *hub.Event) error { ev.Socket.Leave(arg(ev, 0)); return ev.Ack() }),
			on("list", func(ev *hub.Event) error {
				return errors.Join(ev.SendMembers("members", arg(ev, 0), "", 1000), ev.Ack())
			}),
			on("sync", func(ev *hub.Event) error { return ev.Ack() }),
		},
	}}}
}

// lobbyPresence is a presence by the key in the client's auth.
func lobbyPresence() hub.Presence {
	return hub.Presence{
		Rooms: []string{"lobby", "room:*"}, Data: []string{"name"}, Join: "joined", Leave: "left", Grace: 5 * time.Second,
		Key: func(s *hub.Socket) string {
			key, _ := s.Handshake().Auth.Lookup("key")
			return key.Text()
		},
	}
}

// presenceNode is a node of a cluster in fake time.
type presenceNode struct {
	*hub.Hub
	t      *testing.T
	gen    *hub.Generation
	conns  pipe
	server *http.Server
}

func newPresenceNode(t *testing.T, config hub.Config) *presenceNode {
	n := &presenceNode{Hub: hub.New(hub.Options{}), t: t, conns: make(pipe, 1)}
	n.gen = n.Configure(config)
	n.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Serve(n.gen.Routes()[0], &engine.Request{W: w, R: r, Address: "192.0.2.1"})
	})}
	go n.server.Serve(n.conns) // ends when the test closes both
	t.Cleanup(func() {
		n.Hub.Close()
		close(n.conns)
		n.server.Close()
	})
	return n
}

// connectAs connects a client with a key.
func (n *presenceNode) connectAs(key string) *client {
	n.t.Helper()
	near, far := net.Pipe()
	n.conns <- far
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	conn, _, err := dialer.Dial("ws://pipe/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	c := &client{t: n.t, conn: conn}
	c.readPacket()
	auth, _ := json.Marshal(map[string]string{"key": key})
	c.joinNamespace("/", string(auth))
	return c
}

// callEvent emits an event. It returns the acknowledgement, and the events before it.
func (c *client) callEvent(event string, args ...any) (ack string, events []string) {
	c.t.Helper()
	data, _ := json.Marshal(append([]any{event}, args...))
	c.sendPacket("425" + string(data))
	for {
		packet := c.readPacket()
		if ack, ok := strings.CutPrefix(packet, "435"); ok {
			return ack, events
		}
		events = append(events, strings.TrimPrefix(packet, "42"))
	}
}

// wantEvents compares the events that the client got since the last call.
func (c *client) wantEvents(events ...string) {
	c.t.Helper()
	synctest.Wait()
	if _, got := c.callEvent("sync"); !slices.Equal(got, events) {
		c.t.Errorf("got events %q, want %q", got, events)
	}
}

// wantList joins the room lobby, and compares the list of its members.
func (c *client) wantList(list string) {
	c.t.Helper()
	if got, _ := c.callEvent("join", "lobby"); got != list {
		c.t.Errorf("got list %s, want %s", got, list)
	}
}

func TestMembersAreAnnouncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		ada, bob, tab := n.connectAs("ada"), n.connectAs("bob"), n.connectAs("bob")
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
		bob.callEvent("name", "Bob")
		bob.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{"name":"Bob"}}],2]`)
		ada.wantEvents(`["joined",{"key":"bob","data":{"name":"Bob"}},"lobby"]`)
		tab.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{}}],2]`)
		bob.wantEvents()
		tab.conn.Close()
		synctest.Wait()
		bob.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{"name":"Bob"}}],2]`)
		bob.callEvent("leave", "lobby")
		time.Sleep(4 * time.Second)
		ada.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{"name":"Bob"}}],2]`)
		time.Sleep(2 * time.Second)
		ada.wantEvents(`["left",{"key":"bob","data":{"name":"Bob"}},"lobby"]`)
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
	})
}

func TestReloadOfPageIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		ada, bob := n.connectAs("ada"), n.connectAs("bob")
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
		for range 3 {
			bob.callEvent("join", "lobby")
			bob.conn.Close()
			time.Sleep(4 * time.Second)
			bob = n.connectAs("bob")
		}
		bob.callEvent("join", "lobby")
		time.Sleep(10 * time.Second)
		ada.wantEvents(`["joined",{"key":"bob","data":{}},"lobby"]`)
	})
}

func TestDataOfMemberFollowsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		ada := n.connectAs("ada")
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
		ada.callEvent("name", "Ada")
		_, events := ada.callEvent("list", "lobby")
		if want := []string{`["members",[{"key":"ada","data":{"name":"Ada"}}],1]`}; !slices.Equal(events, want) {
			t.Errorf("got %q", events)
		}
	})
}

// A socket whose key or data is too large, or that has no key, is no member.
func TestKeysOfMembersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		for _, key := range []string{"", strings.Repeat("k", hub.MaxMemberKey+1), "a\u0000b", "a\nb"} {
			n.connectAs(key).wantList(`[[],0]`)
		}
		large := n.connectAs("large")
		large.callEvent("name", strings.Repeat("n", hub.MaxMemberData))
		large.wantList(`[[],0]`)
		large.callEvent("name", "small")
		large.wantList(`[[{"key":"large","data":{"name":"small"}}],1]`)
	})
}

// Members of other rooms than the ones of a presence do not exist.
func TestRoomWithoutPresenceHasNoMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		if ack, _ := n.connectAs("ada").callEvent("join", "other"); !strings.Contains(ack, "no presence") {
			t.Errorf("got %s", ack)
		}
		if _, _, err := n.Of("/").Members("other", "", 10); err == nil {
			t.Error("got no error")
		}
	})
}

// The sockets that are connected when a config adds presence are members, and are not
// announced.
func TestReloadAddsAndRemovesPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil))
		reload := func(p ...hub.Presence) {
			next := n.Configure(newPresenceConfig(nil, p...))
			n.gen.Release()
			n.gen = next
			synctest.Wait()
		}
		ada, bob := n.connectAs("ada"), n.connectAs("bob")
		ada.callEvent("join", "lobby")
		bob.callEvent("join", "lobby")
		reload(lobbyPresence())
		ada.wantEvents()
		ada.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{}}],2]`)
		reload(lobbyPresence())
		bob.conn.Close()
		time.Sleep(6 * time.Second)
		ada.wantEvents(`["left",{"key":"bob","data":{}},"lobby"]`)
		reload()
		if ack, _ := ada.callEvent("join", "lobby"); !strings.Contains(ack, "no presence") {
			t.Errorf("got %s", ack)
		}
		reload(lobbyPresence())
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
	})
}

// A socket joins a room while a new config compares all sockets with their rooms: its join
// is announced as always.
func TestJoinDuringReloadIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		ada, bob := n.connectAs("ada"), n.connectAs("bob")
		ada.callEvent("join", "lobby")
		ns, _ := n.Namespace("/")
		off := ns.OnRoom(func(ev hub.RoomEvent) {
			if ev.Kind == rooms.Join && ev.Room == "lobby" {
				n.Configure(newPresenceConfig(nil, lobbyPresence()))
			}
		})
		bob.callEvent("join", "lobby")
		off()
		ada.wantEvents(`["joined",{"key":"bob","data":{}},"lobby"]`)
	})
}

// Many joins at once are announced to each other member once, and the list that each
// client gets fits the events that it gets.
func TestJoinsAtOnceAreAnnouncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPresenceNode(t, newPresenceConfig(nil, lobbyPresence()))
		const clients = 40
		all := make([]*client, clients)
		for i := range all {
			all[i] = n.connectAs(fmt.Sprint("k", i))
		}
		var wait sync.WaitGroup
		for _, c := range all {
			wait.Go(func() { c.sendPacket(`425["join","lobby"]`) })
		}
		wait.Wait()
		for i, c := range all {
			known := make(map[string]int)
			for len(known) < clients {
				packet := c.readPacket()
				if strings.HasPrefix(packet, "435") {
					clear(known) // the list has them all
				}
				for _, part := range strings.Split(packet, `"key":"`)[1:] {
					key, _, _ := strings.Cut(part, `"`)
					known[key]++
				}
			}
			for key, times := range known {
				if times != 1 {
					t.Errorf("client %d knows %s %d times", i, key, times)
				}
			}
		}
	})
}

func TestMembersOfOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		one := newPresenceNode(t, newPresenceConfig(b.member(), lobbyPresence()))
		ada := one.connectAs("ada")
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
		two := newPresenceNode(t, newPresenceConfig(b.member(), lobbyPresence()))
		synctest.Wait()
		bob := two.connectAs("bob")
		bob.wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{}}],2]`)
		ada.wantEvents(`["joined",{"key":"bob","data":{}},"lobby"]`)
		two.connectAs("ada").wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{}}],2]`)
		ada.wantEvents()

		b.kill(1) // the node that opened second
		time.Sleep(9 * time.Second)
		ada.wantEvents()
		time.Sleep(4 * time.Second)
		ada.wantEvents(`["left",{"key":"bob","data":{}},"lobby"]`)
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
	})
}

// The members of a node that shuts down have the grace period to reconnect elsewhere.
func TestMembersMoveFromClosedNodeSilently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		one := newPresenceNode(t, newPresenceConfig(b.member(), lobbyPresence()))
		two := newPresenceNode(t, newPresenceConfig(b.member(), lobbyPresence()))
		synctest.Wait()
		ada := one.connectAs("ada")
		ada.wantList(`[[{"key":"ada","data":{}}],1]`)
		for _, key := range []string{"bob", "eve"} {
			two.connectAs(key).callEvent("join", "lobby")
		}
		ada.wantEvents(`["joined",{"key":"bob","data":{}},"lobby"]`, `["joined",{"key":"eve","data":{}},"lobby"]`)
		two.Hub.Close()
		time.Sleep(3 * time.Second)
		one.connectAs("bob").wantList(`[[{"key":"ada","data":{}},{"key":"bob","data":{}},{"key":"eve","data":{}}],3]`)
		time.Sleep(3 * time.Second)
		ada.wantEvents(`["left",{"key":"eve","data":{}},"lobby"]`)
	})
}
