package hub_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// recorder is a cluster of one namespace that keeps events and lost sockets in memory. Its
// offsets are numbers.
type recorder struct {
	node cluster.Node

	mu           sync.Mutex // guards the following
	log          []cluster.Operation
	lostSockets  map[string]cluster.LostSocket
	published    int
	broken       bool
	duringReplay func()            // called by Replay before it returns
	unrecorded   []cluster.Emit    // emitted while broken
	marks        map[string]string // of events that were recorded late, by their offsets
	closeStale   func(pid, identity string) bool
	failReplay   func() error // called by Replay, once
}

func (r *recorder) Open(name string, n cluster.Node) (cluster.Adapter, error) {
	if name != "/chat" {
		return nil, errors.New("not this one")
	}
	r.node = n
	return r, nil
}

func (r *recorder) State() cluster.State { return cluster.State{} }
func (r *recorder) Close() error         { return nil }

func (r *recorder) Publish(op cluster.Operation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := op.(cluster.Emit); ok {
		r.published++
		return nil
	}
	r.log = append(r.log, op)
	return nil
}

func (r *recorder) Request(context.Context, cluster.Request, func(cluster.Reply)) error { return nil }

func (r *recorder) Nodes(context.Context) (int, error) { return 1, nil }

// appendEvent appends an event to the log and returns it with its offset.
func (r *recorder) appendEvent(op cluster.Emit) cluster.Emit {
	r.mu.Lock()
	defer r.mu.Unlock()
	op.Offset = strconv.Itoa(len(r.log) + 1)
	r.log = append(r.log, op)
	return op
}

func (r *recorder) Record(op cluster.Operation, scope cluster.Scope, wait time.Duration, deliver func(cluster.Emit)) error {
	emit, isEmit := op.(cluster.Emit)
	switch {
	case !isEmit:
		return r.Publish(op)
	case emit.Volatile || scope == cluster.ThisNode:
		deliver(emit)
		return nil
	}
	r.mu.Lock()
	broken := r.broken
	if broken {
		r.unrecorded = append(r.unrecorded, emit)
	}
	mark := fmt.Sprint("mark ", len(r.unrecorded))
	r.mu.Unlock()
	if broken {
		time.Sleep(wait)
		emit.Mark = mark
		deliver(emit)
		return cluster.ErrNotRecorded
	}
	deliver(r.appendEvent(emit))
	return nil
}

// recordLate ends the failure and records the events that were emitted meanwhile.
func (r *recorder) recordLate() {
	r.mu.Lock()
	late := r.unrecorded
	r.broken, r.unrecorded = false, nil
	r.mu.Unlock()
	for i, op := range late {
		op = r.appendEvent(op)
		r.mu.Lock()
		r.marks[op.Offset] = fmt.Sprint("mark ", i+1)
		r.mu.Unlock()
	}
}

func (r *recorder) DeliveredOffset() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strconv.Itoa(len(r.log))
}

func (r *recorder) MayRestore(string) bool { return true }

func (r *recorder) OffsetBefore(a, b string) bool { return parseOffset(a) < parseOffset(b) }

func parseOffset(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (r *recorder) Save(left cluster.LostSocket, keep time.Duration) error {
	if keep != time.Minute {
		return errors.New("another time")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	left.Known = true
	r.lostSockets[left.PID] = left
	return nil
}

func (r *recorder) Restore(_ context.Context, pid, offset string) (cluster.LostSocket, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.lostSockets[pid]
	if !ok {
		return s, cluster.ErrNotSaved
	}
	delete(r.lostSockets, pid)
	return s, nil
}

func (r *recorder) SaveAgain(left cluster.LostSocket) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lostSockets[left.PID] = left
	return nil
}

func (r *recorder) Update(left cluster.LostSocket, keep time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.lostSockets[left.PID]; ok {
		r.lostSockets[left.PID] = left
	}
	return nil
}

func (r *recorder) CloseStale(_ context.Context, pid, identity string) bool {
	return r.closeStale != nil && r.closeStale(pid, identity)
}

func (r *recorder) Replay(_ context.Context, left cluster.LostSocket) (missed cluster.Replay, err error) {
	r.mu.Lock()
	member := cluster.NewMembership(left.Rooms)
	missed.Offset = left.Offset
	for i, op := range r.log {
		n := i + 1
		if emit, ok := op.(cluster.Emit); ok && n > parseOffset(left.Offset) && member.Matches(emit.Target) && !slices.Contains(left.Marks, cmp.Or(r.marks[emit.Offset], "none")) {
			m, err := emit.Encode("/chat", emit.Offset)
			if err != nil {
				return missed, err
			}
			missed.Events = append(missed.Events, m)
		} else if !ok && n > parseOffset(cmp.Or(left.Position, left.Offset)) {
			member.Apply(op)
		}
		missed.Offset = strconv.Itoa(n)
	}
	missed.Rooms, missed.Data, missed.Disconnected = member.Rooms, member.Data, member.Disconnected
	reading, failing := r.duringReplay, r.failReplay
	r.failReplay = nil
	r.mu.Unlock()
	if failing != nil {
		return missed, failing()
	}
	if reading != nil {
		reading()
	}
	return missed, nil
}

// newSharedSite serves the namespace /chat, whose events a recorder keeps. Connect handlers
// set the value "claims" and join the room "lobby". A guest "no" gets a connect error.
func newSharedSite(t *testing.T) (*recorder, *site, *hub.Namespace) {
	r := &recorder{lostSockets: make(map[string]cluster.LostSocket), marks: make(map[string]string)}
	rt := newRouteConfig("a", "/chat")
	rt.Recovery = time.Minute
	s := newSite(t, hub.Config{
		Cluster: r, Routes: []hub.RouteConfig{rt},
		Namespaces: []hub.NamespaceConfig{{Name: "/chat", Rules: []hub.Rule{{
			Events: []string{"connect"},
			Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				if secret, _ := ev.Socket.Handshake().Auth.Lookup("guest"); secret.Text() == "no" {
					return errors.New("not you")
				}
				ev.SetValue("claims", sio.Data{JSON: []byte(`{"sub":"ada"}`)})
				return ev.Socket.Join("lobby")
			})},
		}}}},
	})
	ns, _ := s.Namespace("/chat")
	handleSync(ns)
	return r, s, ns
}

func TestRecoveredSocketGetsMissedEventsOfRecorder(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	socket, _ := ns.Socket(is.SID)
	if err := socket.Set("name", "ada"); err != nil {
		t.Fatal(err)
	}
	if n, err := ns.To("lobby").Emit("one"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	c.wantPacket(`42/chat,["one","1"]`)
	if err := socket.Emit("direct"); err != nil {
		t.Error(err)
	}
	c.wantPacket(`42/chat,["direct","2"]`)
	emitVolatile(t, ns.To("lobby"), "volatile", "text")
	c.wantPacket(`42/chat,["volatile","text","2"]`)
	_, _ = ns.Local().Emit("local")
	c.wantPacket(`42/chat,["local","2"]`)
	r.node.Apply(r.appendEvent(cluster.Emit{Data: newEventData("remote")}))
	c.wantPacket(`42/chat,["remote","3"]`)
	c.conn.Close()
	receiveWithin(t, socket.Done())

	_, _ = ns.To("lobby").Emit("missed", []byte{3})
	_, _ = ns.To("elsewhere").Emit("not for it")
	r.duringReplay = func() { // an event is emitted during the replay
		r.duringReplay = nil
		r.node.Apply(r.appendEvent(cluster.Emit{Data: newEventData("meanwhile")}))
	}
	back := dialClient(t, s.url+"/0/", "4")
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"offset":"2"}`, is.PID))
	for _, want := range []string{
		fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID),
		`42/chat,["remote","3"]`, `451-/chat,["missed",{"_placeholder":true,"num":0},"4"]`, "\x03", `42/chat,["meanwhile","6"]`,
	} {
		back.wantPacket(want)
	}
	// A replayed event that is delivered late is not sent again.
	late := cluster.Emit{Data: newEventData("missed"), Offset: "4"}
	r.node.Apply(late)
	_, _ = ns.Emit("new")
	back.wantPacket(`42/chat,["new","7"]`)
	again, _ := ns.Socket(is.SID)
	claims, _ := (&hub.Event{Socket: again}).Lookup("claims")
	if !again.Status().Recovered || again.Data().String() != `{"name":"ada"}` || claims.String() != `{"sub":"ada"}` || !slices.Equal(again.Rooms(), []string{is.SID, "lobby"}) {
		t.Errorf("recovered %v, data %s, claims %s, rooms %q", again.Status().Recovered, again.Data(), claims, again.Rooms())
	}
}

// An event is emitted after the socket joined its rooms and before the replay ends.
func TestEventDuringReplayComesAfterConnect(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	socket, _ := ns.Socket(is.SID)
	c.conn.Close()
	receiveWithin(t, socket.Done())
	round := 0
	r.duringReplay = func() {
		if round++; round == 2 { // the socket is in its rooms
			r.duringReplay = nil
			_, _ = ns.To("lobby").Emit("live")
		}
	}
	back := dialClient(t, s.url+"/0/", "4")
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	back.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
	back.wantPacket(`42/chat,["live","1"]`)
	back.syncEvents("/chat")
}

// A socket saved by a Node.js server is recovered. One with invalid state is not.
func TestSavedSocketOfOtherServerIsChecked(t *testing.T) {
	r, s, ns := newSharedSite(t)
	save := func(left cluster.LostSocket) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lostSockets["p"] = left
	}
	good := cluster.LostSocket{PID: "p", ID: "other", Rooms: []string{"other", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: "0"}
	save(good)
	c := dialClient(t, s.url+"/0/", "4")
	if is := c.joinAs("/chat", `{"pid":"p"}`); is.SID != "other" || is.PID != "p" {
		t.Errorf("%+v", is)
	}
	c.syncEvents("/chat")
	socket, _ := ns.Socket("other")
	if !socket.Status().Recovered || !slices.Equal(socket.Rooms(), []string{"other", "r", "lobby"}) {
		t.Errorf("recovered %v in %q", socket.Status().Recovered, socket.Rooms())
	}
	c.conn.Close()
	receiveWithin(t, socket.Done())
	save(good)
	c = dialClient(t, s.url+"/0/", "4")
	c.sendPacket(`40/chat,{"pid":"p","guest":"no"}`)
	if got := c.readPacket(); !strings.HasPrefix(got, "44/chat,") {
		t.Errorf("got %s, want a connect error", got)
	}
	for name, change := range map[string]func(*cluster.LostSocket){
		"pid":   func(s *cluster.LostSocket) { s.PID = "q" },
		"id":    func(s *cluster.LostSocket) { s.ID = `"` },
		"long":  func(s *cluster.LostSocket) { s.ID = strings.Repeat("x", 65) },
		"room":  func(s *cluster.LostSocket) { s.Rooms = []string{""} },
		"rooms": func(s *cluster.LostSocket) { s.Rooms = make([]string, hub.MaxRooms+1) },
		"data":  func(s *cluster.LostSocket) { s.Data = sio.Data{JSON: []byte(`[]`)} },
		"large": func(s *cluster.LostSocket) {
			s.Data = sio.Data{JSON: []byte(`{"x":"` + strings.Repeat("x", hub.MaxData) + `"}`)}
		},
	} {
		bad := good
		change(&bad)
		save(bad)
		c := dialClient(t, s.url+"/0/", "4")
		if is := c.joinAs("/chat", `{"pid":"p"}`); is.PID == "p" || is.SID == bad.ID {
			t.Errorf("%s: %+v", name, is)
		}
	}
}

// Events reach sockets while the recorder times out. They are not replayed after it has
// recorded them late.
func TestEmitReachesSocketsWhileRecorderFails(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	_, _ = ns.Emit("one")
	c.wantPacket(`42/chat,["one","1"]`)
	r.mu.Lock()
	r.broken = true
	r.mu.Unlock()
	for _, name := range []string{"two", "three", "four"} {
		if n, err := ns.Emit(name); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		c.wantPacket(fmt.Sprintf(`42/chat,[%q,"1"]`, name))
	}
	r.recordLate()
	socket, _ := ns.Socket(is.SID)
	c.conn.Close()
	receiveWithin(t, socket.Done())
	_, _ = ns.Emit("five")
	// The client got the other events, though their offsets are after its own.
	back := dialClient(t, s.url+"/0/", "4")
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"offset":"1"}`, is.PID))
	back.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
	back.wantPacket(`42/chat,["five","5"]`)
}

func newEventData(name string, args ...any) sio.Data {
	data, err := sio.Marshal(append([]any{name}, args...))
	if err != nil {
		panic(err)
	}
	return data
}
