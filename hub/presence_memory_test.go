package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// newPresenceMemory returns a fixture in which all rooms have members, who may be absent for
// so long. The connections may keep so many bytes.
func newPresenceMemory(t *testing.T, limit int64, perConnection int, grace time.Duration) *memoryFixture {
	t.Helper()
	f := newMemoryFixture(t, limit, func(c *hub.RouteConfig) { c.Engine.MaxMemory = int64(perConnection) })
	handleSync(f.hub.Of("/"))
	f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{
		Name: "/", Presence: []hub.Presence{{Rooms: []string{"*"}, Data: []string{"value"}, Grace: grace}},
	}}})
	t.Cleanup(func() { close(f.release) })
	return f
}

func TestPresenceIsCountedWithinAFifthOfTheHeap(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	f := newPresenceMemory(t, 0, 0, time.Hour)
	var clients []*client
	for range 10 {
		c, _ := joinNamespace(f, f.url, "/", "")
		c.sendPacket(`42["set","` + strings.Repeat("d", 3000) + `"]`)
		c.syncEvents("/")
		clients = append(clients, c)
	}
	heap, used := measureHeap(), f.memory.Used()
	for _, c := range clients {
		c.sendPacket(`42["join"]`)
		c.syncEvents("/")
	}
	f.compareWithHeap("members", heap, used, 80)
	for _, c := range clients {
		c.sendPacket(`42["set","` + strings.Repeat("e", 3500) + `"]`)
		c.syncEvents("/")
	}
	f.compareWithHeap("with other data", heap, used, 80)
	for _, c := range clients {
		c.conn.Close()
	}
	f.awaitMemory("absent", func() bool { return f.memory.Usage()["session"] == 0 && f.memory.Usage()["inbound"] == 0 })
	f.compareWithHeap("absent members", heap-used, 0, 80)
	f.hub.Close()
	f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
}

func TestJoinBeyondTheConnectionsMemoryIsRefused(t *testing.T) {
	const limit = 500_000
	f := newPresenceMemory(t, 0, limit, time.Hour)
	f.hub.Of("/").On("try", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		var names []string
		for i := range 400 {
			names = append(names, fmt.Sprint(ev.Args.Size(), "-", i))
		}
		if err := ev.Socket.Join(names...); err != nil {
			return err
		}
		return ev.Ack()
	}))
	idle := f.memory.Used()
	c, _ := joinNamespace(f, f.url, "/", "")
	c.sendPacket(`421["try"]`)
	c.wantPacket("431[]")
	c.sendPacket(`422["try"]`) // the rooms that it is in take no more memory
	c.wantPacket("432[]")
	c.sendPacket(`423["try","other rooms"]`)
	c.wantPacket(`433[{"error":"connection keeps too much memory"}]`)
	if used := f.memory.Used(); used < limit/2 || used > limit {
		t.Errorf("the connection keeps %d of %d bytes", used, limit)
	}
	c.conn.Close()
	f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/"}}}) // without presence
	f.awaitMemory("closed", func() bool { return f.memory.Used() == idle })
}

func TestConnectWithRoomsBeyondTheMemoryIsRefused(t *testing.T) {
	f := newPresenceMemory(t, 0, 300_000, time.Hour)
	f.hub.Of("/").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		var names []string
		for i := range 900 {
			names = append(names, fmt.Sprint("room-", i))
		}
		return ev.Socket.Join(names...)
	}))
	c := dialClient(f, f.url, "4")
	c.sendPacket("40")
	c.wantPacket(`44{"message":"connection keeps too much memory"}`)
}

func TestReloadWithoutPresenceReleasesItsMemory(t *testing.T) {
	f := newPresenceMemory(t, 0, 0, time.Hour)
	c, _ := joinNamespace(f, f.url, "/", "")
	c.sendPacket(`42["join"]`)
	c.syncEvents("/")
	with := f.memory.Usage()["rooms"]
	f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/"}}})
	if without := f.memory.Usage()["rooms"]; with-without < 900*400 || without < 900*200 {
		t.Errorf("%d bytes of rooms with presence, %d without", with, without)
	}
	f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", Presence: []hub.Presence{{Rooms: []string{"*"}}}}}})
	if again := f.memory.Usage()["rooms"]; again < with-1000 || again > with+1000 {
		t.Errorf("%d bytes of rooms with presence, %d after two reloads", with, again)
	}
	c.conn.Close()
	f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
}

func TestSizesOfRoomsAreChargedToTheProcess(t *testing.T) {
	f := newMemoryFixture(t, 0, nil)
	defer close(f.release)
	handleSync(f.hub.Of("/"))
	f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", ClusterRooms: []string{"*"}}}})
	c, _ := joinNamespace(f, f.url, "/", "")
	before := f.memory.Used()
	c.sendPacket(`42["join"]`)
	c.syncEvents("/")
	usage := f.memory.Usage()["rooms"]
	if used := f.memory.Used() - before; used < usage+900*300 || used > usage+900*600 {
		t.Errorf("%d bytes are counted, %d of them to the connection", used, usage)
	}
	c.conn.Close()
	f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
}

func TestAbsentMembersBeyondTheirMemoryLeaveAtOnce(t *testing.T) {
	const limit = 24 << 20 // the heap of the other tests must fit
	f := newPresenceMemory(t, limit, 0, time.Hour)
	for i := range 6 {
		c, _ := joinNamespace(f, f.url, "/", "")
		c.sendPacket(`42["join"]`)
		c.syncEvents("/")
		c.conn.Close()
		f.awaitMemory(fmt.Sprint("absent after ", i), func() bool { return f.memory.Usage()["session"] == 0 })
	}
	if used := f.memory.Used(); used < limit/16 || used > limit/8 {
		t.Errorf("absent members of 5,400 rooms keep %d bytes: want at most %d", used, limit/8)
	}
	f.hub.Close()
	f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
}
