package hub_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// joinRoomsByAuth makes clients join the rooms that their auth names.
func joinRoomsByAuth(ns *hub.Namespace) {
	ns.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		var auth struct{ Rooms []string }
		if err := ev.Socket.Handshake().Auth.Decode(&auth); err != nil {
			return err
		}
		return ev.Socket.Join(auth.Rooms...)
	}))
	handleSync(ns)
}

func TestEmitReachesUnionOnce(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	both, _ := joinNamespace(t, url, "/", `{"rooms":["a","b"]}`)
	one, _ := joinNamespace(t, url, "/", `{"rooms":["b"]}`)
	none, id := joinNamespace(t, url, "/", `{"rooms":["c"]}`)

	if n, err := ns.To("a", "b").To("a").Emit("news", 1); n != 2 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if n, err := ns.To(id).Emit("yours", []byte{1, 2}); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	both.wantPacket(`42["news",1]`)
	one.wantPacket(`42["news",1]`)
	none.wantPacket(`451-["yours",{"_placeholder":true,"num":0}]`)
	none.wantPacket("\x01\x02")
	for _, c := range []*client{both, one, none} {
		c.syncEvents("/")
	}
}

func TestExceptRemovesSockets(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	in, _ := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	out, id := joinNamespace(t, url, "/", `{"rooms":["a","b"]}`)

	if n, _ := ns.To("a").Except("b").Emit("one"); n != 1 {
		t.Errorf("got %d", n)
	}
	if n, _ := ns.Except(id).Emit("two"); n != 1 {
		t.Errorf("got %d", n)
	}
	in.wantPacket(`42["one"]`)
	in.wantPacket(`42["two"]`)
	out.syncEvents("/")
}

func TestBroadcastExceptsSender(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	ns.On("say", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		_, err := ev.Socket.To("a").Emit("said", hub.Args(ev.Args))
		return err
	}))
	ns.On("shout", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		_, err := ev.Socket.Broadcast().IncludeSender().Emit("shouted")
		return err
	}))
	sender, _ := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	other, _ := joinNamespace(t, url, "/", `{"rooms":["a"]}`)

	sender.sendPacket(`42["say","hi",{"a":[1]}]`)
	other.wantPacket(`42["said","hi",{"a":[1]}]`)
	sender.syncEvents("/")
	sender.sendPacket(`42["shout"]`)
	sender.wantPacket(`42["shouted"]`)
	other.wantPacket(`42["shouted"]`)
}

func TestRoomsExistWhileDisconnecting(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/chat")
	joinRoomsByAuth(ns)
	type seen struct {
		rooms  []string
		reason string
	}
	leaving, left := make(chan seen, 1), make(chan seen, 1)
	report := func(to chan seen) hub.Handler {
		return hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			to <- seen{ev.Socket.Rooms(), ev.Reason}
			return nil
		})
	}
	ns.On("disconnecting", report(leaving))
	ns.On("disconnect", report(left))

	c, id := joinNamespace(t, url, "/chat", `{"rooms":["a","b"]}`)
	c.sendPacket("41/chat,")
	if got := receiveWithin(t, leaving); !slices.Equal(got.rooms, []string{id, "a", "b"}) || got.reason != hub.ReasonClientDisconnect {
		t.Errorf("disconnecting: %+v", got)
	}
	if got := receiveWithin(t, left); len(got.rooms) != 0 || got.reason != hub.ReasonClientDisconnect {
		t.Errorf("disconnect: %+v", got)
	}
	if ns.Len() != 0 || ns.Rooms() != 0 {
		t.Errorf("%d sockets, %d rooms", ns.Len(), ns.Rooms())
	}
}

// A socket whose data is full keeps its value, and others get the new one.
func TestSocketsSetSkipsFullSockets(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	_, idA := joinNamespace(t, url, "/", "")
	joinNamespace(t, url, "/", "")
	full, _ := ns.Socket(idA)
	if err := full.Set("page", strings.Repeat("x", hub.MaxData-20)); err != nil {
		t.Fatal(err)
	}
	if n, err := ns.All().SocketsSet("key", strings.Repeat("y", 20)); n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := ns.All().SocketsSet("key", strings.Repeat("y", hub.MaxData)); !errors.Is(err, hub.ErrDataFull) {
		t.Errorf("got %v", err)
	}
	if _, err := ns.All().SocketsSet("key", func() {}); err == nil {
		t.Error("a function is data")
	}
}

func TestBroadcastMethodsChangeSockets(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	a, idA := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	b, _ := joinNamespace(t, url, "/", `{"rooms":["b"]}`)

	if n, err := ns.To("a").SocketsJoin("x", "y"); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if n, err := ns.In("x").SocketsLeave("y"); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if n, err := ns.In("x", "b").Except("b").SocketsSet("team", []byte{1}); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	found, err := ns.In("x").FetchSockets(t.Context())
	if err != nil || len(found) != 1 || string(found[0].Data) != `{"team":{"$binary":"AQ=="}}` {
		t.Fatalf("got %+v, %v", found, err)
	}
	if err := found[0].Set("team", "red"); err != nil {
		t.Fatal(err)
	}
	found, err = ns.In("x").FetchSockets(t.Context())
	if err != nil || len(found) != 1 || found[0].ID != idA || string(found[0].Data) != `{"team":"red"}` || !slices.Equal(found[0].Rooms, []string{idA, "a", "x"}) {
		t.Fatalf("got %+v, %v", found, err)
	}
	if err := found[0].Emit("hello"); err != nil {
		t.Fatal(err)
	}
	a.wantPacket(`42["hello"]`)
	if n, err := ns.To("a").DisconnectSockets(false); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	a.wantPacket("41")
	if n, err := ns.All().DisconnectSockets(true); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if before := b.wantClosed(); !slices.Contains(before, "41") {
		t.Errorf("got %q", before)
	}
}

func TestFetchPageIsSortedAndLimited(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	var ids []string
	for range 5 {
		_, id := joinNamespace(t, url, "/", "")
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, c := range []struct {
		after string
		limit int
		want  []string
	}{
		{"", 10, ids}, {"", 2, ids[:2]}, {ids[1], 2, ids[2:4]}, {ids[3], 2, ids[4:]}, {ids[4], 2, nil}, {"", 0, nil},
	} {
		page, err := ns.Local().FetchPage(t.Context(), c.after, c.limit)
		var got []string
		for _, s := range page {
			got = append(got, s.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d after %q: got %v, %v, want %v", c.limit, c.after, got, err, c.want)
		}
	}
}

func TestBadRoomNamesAreErrors(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	socket := make(chan *hub.Socket, 1)
	ns.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		socket <- ev.Socket
		return nil
	}))
	handleSync(ns)
	c, _ := joinNamespace(t, url, "/", "")
	c.syncEvents("/")
	s := receiveWithin(t, socket)

	for _, name := range []string{"", strings.Repeat("x", hub.MaxRoomName+1)} {
		if err := s.Join("fine", name); !errors.Is(err, hub.ErrRoom) {
			t.Errorf("%.3q: %v", name, err)
		}
	}
	if got := s.Rooms(); len(got) != 1 {
		t.Errorf("joined %q", got)
	}
	many := make([]string, hub.MaxRooms)
	for i := range many {
		many[i] = strings.Repeat("r", i+1)[:1] + string(rune('0'+i%10)) + strings.Repeat("x", i/10)
	}
	if err := s.Join(many...); err == nil {
		t.Error("a socket joins more rooms than the limit")
	}
	if err := s.Join(many[1:]...); err != nil {
		t.Error(err)
	}
}

func TestOnRoomReportsEvents(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	events := make(chan string, 16)
	off := ns.OnRoom(func(ev hub.RoomEvent) {
		if ev.Room == "a" {
			events <- ev.Kind.String()
		}
	})
	c, _ := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	c.conn.Close()
	for _, want := range []rooms.Kind{rooms.Create, rooms.Join, rooms.Leave, rooms.Delete} {
		if got := receiveWithin(t, events); got != want.String() {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	off()
}

// A socket is fetched from the moment that it is in its room: its client may get the reply
// to its connect packet before the socket's state changes.
func TestFetchSocketsFindsAcceptedSockets(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	fetched := make(chan int, 1)
	off := ns.OnRoom(func(ev hub.RoomEvent) {
		if ev.Kind == rooms.Join {
			sockets, err := ns.All().FetchSockets(context.Background())
			if err != nil {
				t.Error(err)
			}
			fetched <- len(sockets)
		}
	})
	defer off()
	joinNamespace(t, url, "/", "")
	if got := receiveWithin(t, fetched); got != 1 {
		t.Errorf("fetched %d sockets", got)
	}
}

// A connect handler may join and leave very many rooms: a client may choose them.
func TestConnectHandlerMayJoinManyRooms(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	many := make([]string, 300_000)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	failed := make(chan error, 1)
	ns.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		s := ev.Socket
		failed <- s.Join(many...)
		if got := s.Rooms(); len(got) != 1 {
			t.Errorf("in %d rooms", len(got))
		}
		for range 300 {
			if err := s.Join(many[1:hub.MaxRooms]...); err != nil {
				return err
			}
		}
		s.Leave(many[2:]...)
		return nil
	}))
	_, id := joinNamespace(t, url, "/", "")
	if err := receiveWithin(t, failed); !errors.Is(err, rooms.ErrTooManyRooms) {
		t.Errorf("got %v", err)
	}
	if s, _ := ns.Socket(id); !slices.Equal(s.Rooms(), []string{id, "1"}) {
		t.Errorf("in %v", s.Rooms())
	}
}
