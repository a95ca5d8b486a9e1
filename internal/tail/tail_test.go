package tail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/tail"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
)

// testTimeout bounds how long a test waits.
const testTimeout = time.Minute

// site is a hub with its tails, served over HTTP.
type site struct {
	*testing.T
	hub    *hub.Hub
	server *tail.Server
	url    string
}

func newSite(t *testing.T, c cluster.Cluster) *site {
	s := &site{T: t, hub: hub.New(hub.Options{Name: "test", Cluster: c})}
	s.server = tail.New(s.hub, zap.NewNop())
	for _, name := range []string{"/", "/chat"} {
		s.hub.Of(name).On("join", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			var room string
			for v := range ev.Args.Elements() {
				room = v.Text()
			}
			return ev.Socket.Join(room)
		}))
	}
	s.hub.Of("/chat").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if ev.Socket.Handshake().Auth.String() == `{"password":"wrong"}` {
			return &hub.ClientError{Message: "wrong password"}
		}
		return nil
	}))
	web := httptest.NewServer(s.hub)
	s.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	t.Cleanup(func() {
		s.hub.Close()
		web.Close()
	})
	return s
}

// connectClient opens a connection and joins a namespace.
func (s *site) connectClient(namespace, auth string) *client {
	s.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(s.url, nil)
	if err != nil {
		s.Fatal(err)
	}
	response.Body.Close()
	s.Cleanup(func() { conn.Close() })
	c := &client{s, conn, namespace + ","}
	c.readPacket()
	c.sendPacket("40" + c.prefix + auth)
	c.readPacket()
	return c
}

// client is a bare client of one namespace.
type client struct {
	*site
	conn   *websocket.Conn
	prefix string
}

func (c *client) readPacket() string {
	c.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(testTimeout))
	_, data, err := c.conn.ReadMessage()
	if err != nil {
		c.Fatal(err)
	}
	return string(data)
}

func (c *client) sendPacket(text string) {
	c.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.Error(err)
	}
}

func (c *client) emit(event string) { c.sendPacket("42" + c.prefix + event) }

// openTail opens a tail that closes with the test.
func (s *site) openTail(f tail.Filter) *tail.Tail {
	s.Helper()
	t, err := s.server.Open(f)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(t.Close)
	return t
}

// readRecords reads n records.
func (s *site) readRecords(t *tail.Tail, n int) (records []tail.Record) {
	s.Helper()
	deadline := make(chan struct{})
	time.AfterFunc(testTimeout, func() { close(deadline) })
	for len(records) < n {
		lines, ended := t.Read(deadline)
		for line := range bytes.Lines(lines) {
			var r tail.Record
			if err := json.Unmarshal(line, &r); err != nil {
				s.Fatalf("%s: %v", line, err)
			}
			records = append(records, r)
		}
		select {
		case <-deadline:
			s.Fatalf("got %d records, want %d: %+v", len(records), n, records)
		default:
		}
		if ended {
			break
		}
	}
	return records
}

// describe returns a record without its time, node and ids.
func describe(r tail.Record) string {
	return strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s %s", r.Kind, r.Namespace, r.Room, r.Event, r.Args, r.Reason)), " "))
}

func (s *site) wantRecords(t *tail.Tail, want ...string) {
	s.Helper()
	var got []string
	for _, r := range s.readRecords(t, len(want)) {
		got = append(got, describe(r))
		if r.Kind != "end" && r.Node != hub.NodeName() {
			s.Errorf("%s: the node is %q, want %q", describe(r), r.Node, hub.NodeName())
		}
	}
	if !slices.Equal(got, want) {
		s.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTailShowsTheLifeOfASocket(t *testing.T) {
	s := newSite(t, nil)
	all := s.openTail(tail.Filter{})
	c := s.connectClient("/chat", "")
	c.emit(`["join","lobby"]`)
	c.emit(`["message",{"text":"hello","password":"hunter2"},7]`)
	c.sendPacket("41/chat,")
	waitFor(t, func() bool { return s.hub.Of("/chat").Len() == 0 })
	s.connectClient("/chat", `{"password":"wrong"}`)
	s.connectClient("/nope", "")
	var got []string
	for _, r := range s.readRecords(all, 8) {
		got = append(got, describe(r))
		if _, err := time.Parse(time.RFC3339Nano, r.Time); err != nil || r.Node == "" || (r.Socket == "") == (r.Address == "") && r.Kind != "connect" {
			t.Errorf("%+v", r)
		}
	}
	slices.Sort(got) // joins may come a moment later
	if want := []string{
		"connect /chat", "connect_error /chat wrong password", "connect_error /nope Invalid namespace",
		"disconnect /chat client namespace disconnect", `event /chat join ["lobby"]`,
		`event /chat message [{"password":"(hidden)","text":"hello"},7]`, "join /chat lobby", "leave /chat lobby",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFiltersSelectRecords(t *testing.T) {
	s := newSite(t, nil)
	before := s.connectClient("/chat", "")
	before.emit(`["join","lobby"]`)
	waitFor(t, func() bool { return len(hub.MembersOf(s.hub.Of("/chat"), "lobby")) == 1 })
	room := s.openTail(tail.Filter{Room: "lobby"})
	event := s.openTail(tail.Filter{Event: "msg:*"})
	namespace := s.openTail(tail.Filter{Namespaces: []string{"/"}})
	socket := s.openTail(tail.Filter{Socket: hub.MembersOf(s.hub.Of("/chat"), "lobby")[0].ID()})
	nobody := s.openTail(tail.Filter{User: "nobody"})

	other := s.connectClient("/", "")
	other.emit(`["msg:other"]`)
	s.wantRecords(event, "event / msg:other []")
	before.emit(`["msg:1"]`)
	s.wantRecords(event, "event /chat msg:1 []")
	before.emit(`["else"]`)
	before.sendPacket("41/chat,")
	s.wantRecords(room, "event /chat msg:1 []", "event /chat else []", "leave /chat lobby", "disconnect /chat client namespace disconnect")
	s.wantRecords(namespace, "connect /", "event / msg:other []")
	s.wantRecords(socket, "event /chat msg:1 []", "event /chat else []", "leave /chat lobby", "disconnect /chat client namespace disconnect")
	done := make(chan struct{})
	close(done)
	if lines, ended := nobody.Read(done); len(lines) > 0 || ended {
		t.Errorf("got %s", lines)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not hold in time")
		}
	}
}

// A tail reads as many events as clients send, and one that does not read ends, while the
// events go on.
func TestTailKeepsUpAndSlowTailEnds(t *testing.T) {
	s := newSite(t, nil)
	const events = 20_000
	handled := make(chan bool, events)
	s.hub.Of("/chat").On("message", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		handled <- true
		return nil
	}))
	quick, slow := s.openTail(tail.Filter{Event: "message"}), s.openTail(tail.Filter{})
	clients := []*client{s.connectClient("/chat", ""), s.connectClient("/chat", "")}
	began := time.Now()
	for _, c := range clients {
		go func() {
			for i := range events / 2 {
				c.emit(fmt.Sprintf(`["message",%d]`, i))
			}
		}()
	}
	got := s.readRecords(quick, events)
	t.Logf("%.0f events a second", events/time.Since(began).Seconds())
	if len(got) != events || got[events-1].Kind != "event" {
		t.Errorf("got %d records, the last is %+v", len(got), got[len(got)-1])
	}
	for range events {
		<-handled
	}
	records := s.readRecords(slow, events*2)
	if last := records[len(records)-1]; last.Kind != "end" || last.Reason != "the tail was too slow: records were dropped" || len(records) > 16<<10+1 {
		t.Errorf("got %d records, the last is %+v", len(records), last)
	}
}

func TestTailsAreLimited(t *testing.T) {
	s := newSite(t, nil)
	var last *tail.Tail
	for range 16 {
		last = s.openTail(tail.Filter{})
	}
	if _, err := s.server.Open(tail.Filter{}); err != tail.ErrTooMany {
		t.Error(err)
	}
	last.Close()
	s.openTail(tail.Filter{})
}

// wire is a cluster of hubs in one process, whose messages arrive in order.
type wire struct {
	nodes map[string][]chan cluster.Operation
}

type wireNode struct {
	cluster.Adapter
	wire      *wire
	namespace string
	own       chan cluster.Operation
}

func (*wire) State() cluster.State { return cluster.State{Adapter: "wire", Connected: true} }
func (*wire) Close() error         { return nil }

func (w *wire) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	own := make(chan cluster.Operation, 10_000)
	w.nodes[namespace] = append(w.nodes[namespace], own)
	go func() { // ends when the namespace is closed
		for op := range own {
			n.Apply(op)
		}
	}()
	return &wireNode{wire: w, namespace: namespace, own: own}, nil
}

func (n *wireNode) Publish(op cluster.Operation) error {
	for _, other := range n.wire.nodes[n.namespace] {
		if other != n.own {
			other <- op
		}
	}
	return nil
}

func (n *wireNode) Nodes(context.Context) (int, error) { return 2, nil }
func (n *wireNode) Close() error                       { return nil }

func TestTailShowsOtherNodes(t *testing.T) {
	w := &wire{nodes: make(map[string][]chan cluster.Operation)}
	one, two := newSite(t, w), newSite(t, w)
	messages := one.openTail(tail.Filter{Event: "message", Namespaces: []string{"/chat"}})
	done := make(chan struct{})
	close(done)
	messages.Read(done) // requests the records of other nodes
	c := two.connectClient("/chat", "")
	var got []tail.Record
	for i := 0; len(got) == 0; i++ { // until the other node observes
		c.emit(fmt.Sprintf(`["message",%d,"\u001b[2J\u009b"]`, i))
		got = readLines(t, messages, 50*time.Millisecond)
	}
	if args := string(got[0].Args); !strings.HasSuffix(args, "[2J\u009b\"]") && !strings.Contains(args, `\u001b`) {
		t.Errorf("got %s", args)
	}
	messages.Close()
	one.openTail(tail.Filter{}) // the other node has removed the first one, or the test leaks
}

// readLines reads the records that come within a time.
func readLines(t *testing.T, from *tail.Tail, within time.Duration) (records []tail.Record) {
	t.Helper()
	done := make(chan struct{})
	time.AfterFunc(within, func() { close(done) })
	lines, _ := from.Read(done)
	for line := range bytes.Lines(lines) {
		wantPrintable(t, bytes.TrimSuffix(line, []byte("\n")))
		var r tail.Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// wantPrintable fails for a line that a terminal would interpret.
func wantPrintable(t *testing.T, line []byte) {
	t.Helper()
	if !utf8.Valid(line) || bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q is not printable", line)
	}
}

func TestLinesArePrintable(t *testing.T) {
	s := newSite(t, nil)
	all := s.openTail(tail.Filter{Raw: true})
	c := s.connectClient("/chat", "")
	c.emit("[\"join\",\"a\u009b31mb\u202e\"]")
	c.emit(`["esc\u001b\u0007",` + "\"\u009b2J\U000e0001\",{\"\u2028\":\"\u0085\"}]")
	if records := readUntil(t, all, "event"); records == 0 {
		t.Error("no event")
	}
}

func readUntil(t *testing.T, from *tail.Tail, kind string) (found int) {
	t.Helper()
	for range 50 {
		for _, r := range readLines(t, from, 100*time.Millisecond) {
			if r.Kind == kind {
				found++
			}
		}
		if found >= 2 {
			break
		}
	}
	return found
}
