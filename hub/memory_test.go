package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// memoryFixture is a hub whose clients keep memory.
type memoryFixture struct {
	*testing.T
	hub     *hub.Hub
	memory  *hub.Memory
	url     string
	release chan struct{} // closed at the end of the test: the event "wait" returns
}

func newMemoryFixture(t *testing.T, limit int64, change func(*hub.RouteConfig)) *memoryFixture {
	t.Helper()
	route := hub.DefaultRoute()
	route.Engine.MaxQueue = 16 << 20
	if change != nil {
		change(&route)
	}
	f := &memoryFixture{T: t, memory: hub.NewMemory(limit), release: make(chan struct{})}
	f.hub = hub.New(hub.Options{Name: "test", Memory: f.memory, Route: &route})
	server := httptest.NewUnstartedServer(f.hub)
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew { // a slow client is slow after a few messages
			_ = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
	}
	server.Start()
	f.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/socket.io/"
	ns := f.hub.Of("/")
	ns.On("wait", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		<-f.release
		return nil
	}))
	ns.On("set", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		value, _ := ev.Lookup("event.args.0")
		return ev.Socket.Set("value", value)
	}))
	ns.On("join", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		var names []string
		for i := range 900 {
			names = append(names, fmt.Sprintf("%s-%d-%s", ev.Socket.ID(), i, strings.Repeat("x", 70)))
		}
		return ev.Socket.Join(names...)
	}))
	t.Cleanup(func() {
		f.hub.Close()
		server.Close()
	})
	return f
}

// awaitMemory waits until a condition about the memory holds. A process at its limit takes
// seconds: it slows connections, drops some, and collects garbage.
func (f *memoryFixture) awaitMemory(what string, holds func() bool) {
	f.Helper()
	for deadline := time.Now().Add(3 * testTimeout); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("%s: used %d: %v", what, f.memory.Used(), f.memory.Usage())
		}
	}
}

// memoryUses drive each kind to a large part of the heap, of want bytes.
var memoryUses = map[string]struct {
	clients int
	auth    string
	want    int64
	drive   func(f *memoryFixture, clients []*rawClient)
}{
	"session": {clients: 300, want: 300 * 4000, drive: func(*memoryFixture, []*rawClient) {}},
	"auth": {
		clients: 5, auth: `{"token":"` + strings.Repeat("t", 900_000) + `"}`, want: 5 * 900_000,
		drive: func(*memoryFixture, []*rawClient) {},
	},
	"data": {clients: 20, want: 20 * 150_000, drive: func(_ *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			c.writeFrame(0x1, []byte(`42["set","`+strings.Repeat("d", 150_000)+`"]`))
		}
	}},
	"rooms": {clients: 10, want: 10 * 270_000, drive: func(_ *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			c.writeFrame(0x1, []byte(`42["join"]`))
		}
	}},
	"inbound": {clients: 3, want: 6 * 900_000, drive: func(_ *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			for range 2 {
				c.writeFrame(0x1, []byte(`42["wait","`+strings.Repeat("e", 900_000)+`"]`))
			}
		}
	}},
	"attachments": {clients: 2, want: 18 * 900_000, drive: func(_ *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			c.writeFrame(0x1, attachmentsEvent())
			for range 9 {
				c.writeFrame(0x2, make([]byte, 900_000))
			}
		}
	}},
	"reading": {clients: 6, want: 6 * 800_000, drive: func(_ *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			c.writePart(0x1, bytes.Repeat([]byte("4"), 800_000), 900_000)
		}
	}},
	"queue": {clients: 3, want: 10 << 20, drive: func(f *memoryFixture, _ []*rawClient) {
		sockets, _ := f.hub.Of("/").All().FetchSockets(f.Context())
		for f.memory.Usage()["queue"] < 10<<20 {
			for _, s := range sockets {
				_, _ = f.hub.Of("/").To(s.ID).Emit("news", strings.Repeat("q", 100_000))
			}
			time.Sleep(time.Millisecond) // for the pump
		}
	}},
	"recovery": {clients: 20, want: 20 * 150_000, drive: func(f *memoryFixture, clients []*rawClient) {
		for _, c := range clients {
			c.writeFrame(0x1, []byte(`42["set","`+strings.Repeat("d", 150_000)+`"]`))
		}
		f.awaitMemory("set", func() bool { return f.memory.Usage()["data"] >= 20*150_000 })
		for _, c := range clients {
			c.Close()
		}
		f.awaitMemory("lost", func() bool { return f.memory.Usage()["session"] == 0 })
	}},
	"acks": {clients: 6, want: 5 * 900_000, drive: func(f *memoryFixture, clients []*rawClient) {
		ctx, cancel := context.WithCancel(f.Context())
		go func() {
			<-f.release
			cancel()
		}()
		go func() { _, _ = f.hub.Of("/").All().EmitWithAck(ctx, "rate") }()
		for _, c := range clients[1:] {
			_ = readFrame(f, c)
			c.writeFrame(0x1, []byte(`430["`+strings.Repeat("a", 900_000)+`"]`))
		}
	}},
}

// attachmentsEvent returns the text of the event "wait" with ten attachments.
func attachmentsEvent() []byte {
	b := []byte(`4510-["wait"`)
	for i := range 10 {
		b = fmt.Appendf(b, `,{"_placeholder":true,"num":%d}`, i)
	}
	return append(b, ']')
}

func TestMemoryIsCountedWithinAFifthOfTheHeap(t *testing.T) {
	for kind, use := range memoryUses {
		t.Run(kind, func(t *testing.T) {
			if !inOwnProcess(t) {
				return
			}
			f := newMemoryFixture(t, 0, func(c *hub.RouteConfig) {
				if kind == "recovery" {
					c.Recovery = time.Minute
				}
			})
			heap := measureHeap()
			var clients []*rawClient
			for range use.clients {
				clients = append(clients, dialRaw(f, f.url, use.auth))
			}
			if kind != "session" && kind != "auth" { // the first of them counts connections
				heap = measureHeap() - f.memory.Used()
			}
			use.drive(f, clients)
			f.awaitMemory("driven", func() bool { return f.memory.Usage()[kind] >= use.want })
			least := int64(80)
			if kind == "session" && raceEnabled {
				least = 60 // the race detector makes stacks larger
			}
			f.compareWithHeap(kind, heap, 0, least)
			close(f.release)
			for _, c := range clients {
				c.Close()
			}
			if kind == "recovery" {
				f.hub.Close()
			}
			f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
		})
	}
}

func TestRunningEventsAreCountedWithTheirStacks(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	f := newMemoryFixture(t, 0, nil)
	wait, started, release := blockingRule("hold", 256)
	configureRules(f.hub, nil, wait)
	var clients []*rawClient
	for range 4 {
		clients = append(clients, dialRaw(f, f.url, ""))
	}
	heap, used := measureHeap(), f.memory.Used()
	for range 250 {
		for _, c := range clients {
			c.writeFrame(0x1, []byte(`42["hold",1]`))
		}
	}
	for range 1000 {
		receiveWithin(t, started)
	}
	heap, used = measureHeap()-heap, f.memory.Used()-used
	t.Logf("heap and stacks %d, counted %d", heap, used)
	least := heap * 8 / 10
	if raceEnabled {
		least = heap * 6 / 10 // the race detector makes stacks larger
	}
	if used < least || used > heap*12/10 {
		t.Errorf("counted %d, heap and stacks have %d", used, heap)
	}
	close(release)
	f.awaitMemory("handled", func() bool { return f.memory.Usage()["inbound"] == 0 })
	close(f.release)
}

func TestConnectionWithManyRunningEventsIsNotRead(t *testing.T) {
	f := newMemoryFixture(t, 0, func(c *hub.RouteConfig) { c.Engine.MaxMemory = 200_000 })
	wait, started, release := blockingRule("hold", 256)
	configureRules(f.hub, nil, wait)
	c := dialRaw(f, f.url, "")
	for range 200 {
		c.writeFrame(0x1, []byte(`42["hold",1]`))
	}
	receiveWithin(t, started)
	f.awaitMemory("running", func() bool { return f.memory.Used() > 190_000 })
	if used := f.memory.Used(); used > 220_000 {
		t.Errorf("the connection keeps %d bytes", used)
	}
	close(release)
	for range 199 {
		receiveWithin(t, started)
	}
	f.awaitMemory("handled", func() bool { return f.memory.Usage()["inbound"] == 0 })
	close(f.release)
}

func TestMessageOfManySlowClientsCountsOnce(t *testing.T) {
	f := newMemoryFixture(t, 0, nil)
	for range 8 {
		dialRaw(f, f.url, "")
	}
	idle := f.memory.Used()
	for f.memory.Usage()["queue"] < 24<<20 {
		if _, err := f.hub.Of("/").All().Emit("news", strings.Repeat("q", 100_000)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // for the pump
	}
	if grown := f.memory.Used() - idle; grown > 12<<20 { // a frame besides the message's own bytes
		t.Errorf("%d bytes are counted for queues of %d", grown, f.memory.Usage()["queue"])
	}
	close(f.release)
}

func TestFullInboxesMakeTheirConnectionWaitAlone(t *testing.T) {
	f := newMemoryFixture(t, 0, func(c *hub.RouteConfig) { c.Engine.MaxMemory = 4 << 20 })
	c := dialRaw(f, f.url, "")
	other, _ := joinNamespace(f, f.url, "/", "")
	handleSync(f.hub.Of("/"))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 8 {
			c.writeFrame(0x1, []byte(`42["wait","`+strings.Repeat("e", 900_000)+`"]`))
		}
	}()
	f.awaitMemory("inbox", func() bool { return f.memory.Usage()["inbound"] > 800_000 })
	other.syncEvents("/")
	if used := f.memory.Used(); used > 5<<20 {
		t.Errorf("the connection keeps %d bytes", used)
	}
	close(f.release)
	<-sent
	f.awaitMemory("handled", func() bool { return f.memory.Usage()["inbound"] == 0 })
	c.writeFrame(0x1, []byte(`420["sync"]`))
	if got := readFrame(f, c); got != "430[]" {
		t.Errorf("got %q after the events", got)
	}
}

func TestConnectionBeyondItsMemoryIsRefused(t *testing.T) {
	f := newMemoryFixture(t, 0, func(c *hub.RouteConfig) { c.Engine.MaxMemory = 80_000 })
	c, _ := joinNamespace(f, f.url, "/", "")
	f.hub.Of("/").On("set", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		return ev.Socket.Set("value", strings.Repeat("v", 90_000))
	}))
	c.sendPacket(`421["set"]`)
	c.wantPacket(`431[{"error":"connection keeps too much memory"}]`)
	c.sendPacket(`422["wait","` + strings.Repeat("w", 200_000) + `"]`)
	c.wantClosed()
	close(f.release)
	if n := f.hub.Stats().OverMemory; n != 1 {
		t.Errorf("%d connections are counted", n)
	}
}

func TestLargestConnectionsCloseAndOthersNoticeNothing(t *testing.T) {
	const each = 9 * 0xea600
	limit := 2*measureHeap() + 5*each // other tests have left a heap, and stacks
	f := newMemoryFixture(t, limit, nil)
	handleSync(f.hub.Of("/"))
	quiet, _ := joinNamespace(f, f.url, "/", "")
	var hostile []*rawClient
	for range limit/each + 3 {
		hostile = append(hostile, dialRaw(f, f.url, ""))
	}
	packet := attachmentsEvent()
	packet = append([]byte{0x81, 0x80 | 126, byte(len(packet) >> 8), byte(len(packet)), 0, 0, 0, 0}, packet...)
	attachment := append([]byte{0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0x0e, 0xa6, 0x00, 0, 0, 0, 0}, make([]byte, 0xea600)...)
	for _, c := range hostile {
		go func() { // ends when all is read, or the connection closes
			_, err := c.Write(packet)
			for range 9 {
				if err == nil { // it closes if it is one of the largest
					_, err = c.Write(attachment)
				}
			}
		}()
	}
	peak := int64(0)
	dropped := uint64(0)
	f.awaitMemory("shed", func() bool { // the memory may be full for an instant only
		peak = max(peak, f.memory.Used())
		_, dropped = f.memory.Shed()
		return dropped > 0
	})
	quiet.syncEvents("/")
	f.awaitMemory("accepts new clients", func() bool { // the others may fill it again before
		peak = max(peak, f.memory.Used())
		resp, err := http.Get("http" + strings.TrimPrefix(f.url, "ws") + "?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	quiet.syncEvents("/")
	t.Logf("peak %d of %d bytes, %d connections dropped", peak, limit, dropped)
	if peak > limit*5/4 {
		t.Errorf("peak %d of %d bytes", peak, limit)
	}
	close(f.release)
	for _, c := range hostile {
		c.Close()
	}
}
