package redisadapter

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestShardedOperations(t *testing.T) {
	s := redistest.Start(t)
	for _, mode := range []Mode{Static, Dynamic, DynamicPrivate} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := shardPair(t, s, mode, "r#1/é", "12345678901234567890")
			ops := append(redistest.Operations(),
				cluster.Emit{Target: rooms.Target{In: []string{"12345678901234567890"}}, Data: redistest.NewEvent("id")},
				cluster.ServerEmit{Data: redistest.NewEvent("hello", "x", map[string]any{"y": []byte{1}})})
			for _, op := range ops {
				a.Publish(op)
			}
			a.Publish(cluster.Join{Target: rooms.Target{In: []string{"r1"}}}) // no rooms, nothing to say
			for _, want := range ops {
				if got := b.NextOperation(); !redistest.EqualOperations(got, want) {
					t.Errorf("\n got %+v\nwant %+v", got, want)
				}
			}
			b.Emit("back")
			if got := a.NextEmit(); got.Data.String() != `["e","back"]` {
				t.Errorf("own operations come back: %+v", got)
			}
			if got := connectionOf(a.Node).describeState().Malformed + connectionOf(b.Node).describeState().Malformed; got > 0 {
				t.Errorf("%d messages were malformed", got)
			}
			a.Adapter.Close()
			b.Adapter.Close()
			for _, channel := range []string{"socket.io#/chat#", "socket.io#/chat#r#1/é#", "socket.io#/chat#12345678901234567890#"} {
				subscribers(t, s, channel, 0)
			}
		})
	}
}

// TestShardedRoomsAreFollowed has rooms come and go, and looks which channels
// Redis has.
func TestShardedRoomsAreFollowed(t *testing.T) {
	s := redistest.Start(t)
	id := strings.Repeat("i", 20)
	for mode, want := range map[Mode][2]int{Static: {0, 0}, Dynamic: {1, 0}, DynamicPrivate: {1, 1}} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := shardPair(t, s, mode)
			room, private := "socket.io#/chat#room#", "socket.io#/chat#"+id+"#"
			for range 3 {
				b.set(true, id, "room")
				subscribers(t, s, room, want[0])
				subscribers(t, s, private, want[1])
				a.Emit("x", "room")
				a.Emit("y", id)
				for _, text := range []string{"x", "y"} {
					if got := b.NextEmit(); got.Data.String() != `["e","`+text+`"]` {
						t.Errorf("%s, want %s", got.Data, text)
					}
				}
				b.set(false, "room", id)
				subscribers(t, s, room, 0)
				subscribers(t, s, private, 0)
			}
			// A room by the name of the own channel, and one that is gone at once.
			own := adapterOf(b.Adapter).namespace.uid
			b.set(true, own, "gone")
			b.set(false, own, "gone")
			b.set(true, "last")
			subscribers(t, s, "socket.io#/chat#last#", want[0])
			subscribers(t, s, "socket.io#/chat#gone#", 0)
			subscribers(t, s, "socket.io#/chat#"+own+"#", 1)
		})
	}
}

func TestShardedQuestions(t *testing.T) {
	s := redistest.Start(t)
	a, b := shardPair(t, s, Dynamic, "r")
	enter(t, startNode(t, s, inMode(Dynamic)), "/chat")
	a.WaitNodes(3)
	sockets := cluster.Sockets{{
		ID: "s1", Rooms: []string{"s1", "r"}, Data: []byte(`{"user":"bob"}`),
		Handshake: cluster.Handshake{
			Headers: map[string]string{"host": "x"}, Query: map[string]string{"EIO": "4"}, Time: "now",
			Address: "::1", XDomain: true, Secure: true, Issued: 123, URL: "/", Auth: []byte(`{"t":1}`),
		},
	}}
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		switch q := q.(type) {
		case cluster.FetchSockets:
			reply(sockets)
		case cluster.ServerEmitAck:
			reply(cluster.ServerAck{Data: redistest.NewEvent("pong", []byte{1})})
		case cluster.EmitAck:
			b.Applied <- q.Emit
			reply(cluster.ClientCount(2))
			reply(cluster.ClientAck{Data: redistest.NewEvent("first", "second")})
			reply(cluster.ClientAck{Data: sio.Array(redistest.NewEvent("b", []byte{1}))})
		}
	}
	answers, err := a.Request(cluster.FetchSockets{Target: rooms.Target{In: []string{"r"}}})
	if err != nil || len(answers) != 2 || !slices.ContainsFunc(answers, func(a cluster.Reply) bool { return reflect.DeepEqual(a, sockets) }) {
		t.Errorf("%v, %+v", err, answers)
	}
	answers, err = a.Request(cluster.AllRooms{})
	if want := []string{"[]", "[s1 r]"}; err != nil || !slices.Equal(redistest.FormatReplies(answers), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(answers))
	}
	answers, err = a.Request(cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: redistest.NewEvent("ping", 1)}})
	if want := []string{`["pong",{"$binary":"AQ=="}]`, "null"}; err != nil || !slices.Equal(redistest.FormatReplies(answers), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(answers))
	}
	// To one room, and yet all servers answer.
	emit := cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Flags: cluster.Flags{Volatile: true}, Data: redistest.NewEvent("q", []byte{7})}
	answers, err = a.Request(cluster.EmitAck{Emit: emit})
	if want := []string{"0", "2", `["first"]`, `[["b",{"$binary":"AQ=="}]]`}; err != nil || !slices.Equal(redistest.FormatReplies(answers), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(answers))
	}
	if got := b.NextOperation(); !redistest.EqualOperations(got, emit) {
		t.Errorf("asked %+v", got)
	}
}

func TestShardedOrderIsKept(t *testing.T) {
	a, b := shardPair(t, redistest.Start(t), Dynamic, "r0", "r1", "r2")
	const n = 3000
	for i := range n {
		if i%5 == 0 {
			a.Publish(cluster.Join{Rooms: []string{fmt.Sprint(i)}})
		} else {
			a.Emit(fmt.Sprint(i), fmt.Sprint("r", i%3))
		}
	}
	for i := range n {
		got := fmt.Sprintf("%+v", b.NextOperation())
		if !strings.Contains(got, fmt.Sprint("Rooms:[", i, "]")) && !strings.Contains(got, fmt.Sprintf(`["e","%d"]`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
}

func TestShardedMalformedMessages(t *testing.T) {
	s := redistest.Start(t)
	n := enter(t, startNode(t, s, inMode(Dynamic)), "/", "r")
	n.WaitNodes(1)
	subscribers(t, s, "socket.io#/#r#", 1)
	own := "socket.io#/#" + adapterOf(n.Adapter).namespace.uid + "#"
	var want uint64
	for _, m := range malformedShards {
		s.Command("SPUBLISH", "socket.io#/#", m)
		s.Command("SPUBLISH", "socket.io#/#r#", m)
		s.Command("SPUBLISH", own, m) // nobody asked, so nobody looks
		if m, err := decodeShardedMessage(m); err != nil || m.Nsp == "/" {
			want += 2 // else it is for another namespace
		}
	}
	s.Command("SPUBLISH", "socket.io#/#", `{"type":3,"data":{"packet":{"type":2,"data":["other"]},"opts":{}},"nsp":"/other"}`)
	s.Command("SPUBLISH", "socket.io#/#", `{"type":13,"nsp":"/"}`)
	s.Command("SPUBLISH", "socket.io#/#r#", `{"nsp":"/","data":{"opts":{"rooms":"r","flags":[]},"packet":{"data":["end"]}},"type":3}`)
	if got := n.NextEmit(); got.Data.String() != `["end"]` || !slices.Equal(got.In, []string{"r"}) {
		t.Errorf("told %+v", got)
	}
	redistest.Eventually(t, "all is handled", func() bool { return connectionOf(n.Node).describeState().Malformed >= want })
	if got := connectionOf(n.Node).describeState().Malformed; got != want || len(n.Applied) > 0 || connectionOf(n.Node).inbound.Load() != 0 {
		t.Errorf("%d counted, not %d; told %d more", got, want, len(n.Applied))
	}
}

// TestShardedNeedsPermission has Redis refuse all channels, and then rooms.
func TestShardedNeedsPermission(t *testing.T) {
	s := redistest.Start(t)
	user := func(r *setup) { r.Username, r.Password = "app", "x" }
	allow := func(channels ...string) {
		s.Command(append([]string{"ACL", "SETUSER", "app", "on", ">x", "+@all", "resetchannels"}, channels...)...)
	}
	allow("&other")
	n := enter(t, startNode(t, s, inMode(Dynamic), user), "/chat", "r")
	redistest.Eventually(t, "Redis refuses", func() bool {
		_, err := n.Adapter.Nodes(t.Context())
		return err != nil && strings.Contains(err.Error(), "NOPERM")
	})
	allow("&socket.io#/chat#", "&socket.io#/chat#0*", "&socket.io#/chat#1*", "&socket.io#/chat#2*", "&socket.io#/chat#3*",
		"&socket.io#/chat#4*", "&socket.io#/chat#5*", "&socket.io#/chat#6*", "&socket.io#/chat#7*", "&socket.io#/chat#8*", "&socket.io#/chat#9*",
		"&socket.io#/chat#a*", "&socket.io#/chat#b*", "&socket.io#/chat#c*", "&socket.io#/chat#d*", "&socket.io#/chat#e*", "&socket.io#/chat#f*")
	m := enter(t, startNode(t, s, inMode(Dynamic), user), "/chat", "r", "allowed")
	m.WaitNodes(1)
	subscribers(t, s, "socket.io#/chat#r#", 0)
	subscribers(t, s, "socket.io#/chat#allowed#", 1)
	allow("&socket.io#/chat#*")
	connectionOf(m.Node).retryRefused()
	subscribers(t, s, "socket.io#/chat#r#", 1)
}

// TestRoomsOfOthersAreNotRead has the classic dialect leave alone what is for rooms
// that nobody is in here.
func TestRoomsOfOthersAreNotRead(t *testing.T) {
	s := redistest.Start(t)
	a, b := enter(t, startNode(t, s), "/chat"), enter(t, startNode(t, s), "/chat", "here")
	a.WaitNodes(2)
	b.WaitNodes(2)
	s.Command("PUBLISH", "socket.io#/chat#elsewhere#", "not even MessagePack")
	a.Emit("x", "elsewhere")
	a.Emit("y", "here", "elsewhere")
	a.Emit("z", "here")
	for _, text := range []string{"y", "z"} {
		if got := b.NextEmit(); got.Data.String() != `["e","`+text+`"]` {
			t.Errorf("%s, want %s", got.Data, text)
		}
	}
	if got := connectionOf(b.Node).describeState().Malformed; got != 0 {
		t.Errorf("%d messages were read", got)
	}
}
