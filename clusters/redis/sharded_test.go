package redis

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestShardedOperations(t *testing.T) {
	s := startRedis(t)
	for _, mode := range []sharded{static, dynamic, dynamicPrivate} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := shardPair(t, s, mode, "r#1/é", "12345678901234567890")
			target := rooms.Target{In: []string{"r1", "r2"}, Except: []string{"r9"}}
			ops := []cluster.Op{
				cluster.Emit{Data: event("all", 1)},
				cluster.Emit{Target: rooms.Target{In: []string{"r#1/é"}}, Data: event("room", "x", []byte{1, 2, 3}, map[string]any{"b": []byte{}})},
				cluster.Emit{Target: rooms.Target{In: []string{"12345678901234567890"}}, Data: event("id")},
				cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: event("rooms")},
				cluster.Join{Target: target, Rooms: []string{"a", "b"}},
				cluster.Leave{Target: target, Rooms: []string{"c"}},
				cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}, Close: true},
				cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}},
				cluster.ServerEmit{Data: event("hello", "x", map[string]any{"y": []byte{1}})},
			}
			for _, op := range ops {
				a.publish(op)
			}
			a.publish(cluster.Join{Target: target}) // no rooms, nothing to say
			for _, want := range ops {
				if got := b.next(); !same(got, want) {
					t.Errorf("\n got %+v\nwant %+v", got, want)
				}
			}
			b.emit("back")
			if got := a.nextEmit(); got.Data.String() != `["e","back"]` {
				t.Errorf("own operations come back: %+v", got)
			}
			if got := linkOf(a.node).State().Malformed + linkOf(b.node).State().Malformed; got > 0 {
				t.Errorf("%d messages were malformed", got)
			}
			a.adapter.Close()
			b.adapter.Close()
			for _, channel := range []string{"socket.io#/chat#", "socket.io#/chat#r#1/é#", "socket.io#/chat#12345678901234567890#"} {
				s.subscribers(channel, 0)
			}
		})
	}
}

// TestShardedRoomsAreFollowed has rooms come and go, and looks which channels
// Redis has.
func TestShardedRoomsAreFollowed(t *testing.T) {
	s := startRedis(t)
	id := strings.Repeat("i", 20)
	for mode, want := range map[sharded][2]int{static: {0, 0}, dynamic: {1, 0}, dynamicPrivate: {1, 1}} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := shardPair(t, s, mode)
			room, private := "socket.io#/chat#room#", "socket.io#/chat#"+id+"#"
			for range 3 {
				b.set(true, id, "room")
				s.subscribers(room, want[0])
				s.subscribers(private, want[1])
				a.emit("x", "room")
				a.emit("y", id)
				for _, text := range []string{"x", "y"} {
					if got := b.nextEmit(); got.Data.String() != `["e","`+text+`"]` {
						t.Errorf("%s, want %s", got.Data, text)
					}
				}
				b.set(false, "room", id)
				s.subscribers(room, 0)
				s.subscribers(private, 0)
			}
			// A room by the name of the own channel, and one that is gone at once.
			own := b.adapter.(*adapter).line.uid
			b.set(true, own, "gone")
			b.set(false, own, "gone")
			b.set(true, "last")
			s.subscribers("socket.io#/chat#last#", want[0])
			s.subscribers("socket.io#/chat#gone#", 0)
			s.subscribers("socket.io#/chat#"+own+"#", 1)
		})
	}
}

func TestShardedQuestions(t *testing.T) {
	s := startRedis(t)
	a, b := shardPair(t, s, dynamic, "r")
	enter(t, process(t, s, speaks(dynamic)), "/chat")
	a.together(3)
	sockets := cluster.Sockets{{
		ID: "s1", Rooms: []string{"s1", "r"}, Data: []byte(`{"user":"bob"}`),
		Handshake: cluster.Handshake{
			Headers: map[string]string{"host": "x"}, Query: map[string]string{"EIO": "4"}, Time: "now",
			Address: "::1", XDomain: true, Secure: true, Issued: 123, URL: "/", Auth: []byte(`{"t":1}`),
		},
	}}
	b.answer = func(_ context.Context, q cluster.Query, reply func(cluster.Answer)) {
		switch q := q.(type) {
		case cluster.FetchSockets:
			reply(sockets)
		case cluster.ServerEmitAck:
			reply(cluster.ServerAck{Data: event("pong", []byte{1})})
		case cluster.EmitAck:
			b.told <- q.Emit
			reply(cluster.ClientCount(2))
			reply(cluster.ClientAck{Data: event("first", "second")})
			reply(cluster.ClientAck{Data: sio.Array(event("b", []byte{1}))})
		}
	}
	answers, err := a.ask(cluster.FetchSockets{Target: rooms.Target{In: []string{"r"}}})
	if err != nil || len(answers) != 2 || !slices.ContainsFunc(answers, func(a cluster.Answer) bool { return reflect.DeepEqual(a, sockets) }) {
		t.Errorf("%v, %+v", err, answers)
	}
	answers, err = a.ask(cluster.AllRooms{})
	if want := []string{"[]", "[s1 r]"}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	answers, err = a.ask(cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: event("ping", 1)}})
	if want := []string{`["pong",{"$binary":"AQ=="}]`, "null"}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	// To one room, and yet all servers answer.
	emit := cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Flags: cluster.Flags{Volatile: true}, Data: event("q", []byte{7})}
	answers, err = a.ask(cluster.EmitAck{Emit: emit})
	if want := []string{"0", "2", `["first"]`, `[["b",{"$binary":"AQ=="}]]`}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	if got := b.next(); !same(got, emit) {
		t.Errorf("asked %+v", got)
	}
}

func TestShardedOrderIsKept(t *testing.T) {
	a, b := shardPair(t, startRedis(t), dynamic, "r0", "r1", "r2")
	const n = 3000
	for i := range n {
		if i%5 == 0 {
			a.publish(cluster.Join{Rooms: []string{fmt.Sprint(i)}})
		} else {
			a.emit(fmt.Sprint(i), fmt.Sprint("r", i%3))
		}
	}
	for i := range n {
		got := fmt.Sprintf("%+v", b.next())
		if !strings.Contains(got, fmt.Sprint("Rooms:[", i, "]")) && !strings.Contains(got, fmt.Sprintf(`["e","%d"]`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
}

func TestShardedMalformedMessages(t *testing.T) {
	s := startRedis(t)
	n := enter(t, process(t, s, speaks(dynamic)), "/", "r")
	n.together(1)
	s.subscribers("socket.io#/#r#", 1)
	own := "socket.io#/#" + n.adapter.(*adapter).line.uid + "#"
	var want uint64
	for _, m := range malformedShards {
		s.command("SPUBLISH", "socket.io#/#", m)
		s.command("SPUBLISH", "socket.io#/#r#", m)
		s.command("SPUBLISH", own, m) // nobody asked, so nobody looks
		if m, err := decodeShard(m); err != nil || m.Nsp == "/" {
			want += 2 // else it is for another namespace
		}
	}
	s.command("SPUBLISH", "socket.io#/#", `{"type":3,"data":{"packet":{"type":2,"data":["other"]},"opts":{}},"nsp":"/other"}`)
	s.command("SPUBLISH", "socket.io#/#", `{"type":13,"nsp":"/"}`)
	s.command("SPUBLISH", "socket.io#/#r#", `{"nsp":"/","data":{"opts":{"rooms":"r","flags":[]},"packet":{"data":["end"]}},"type":3}`)
	if got := n.nextEmit(); got.Data.String() != `["end"]` || !slices.Equal(got.In, []string{"r"}) {
		t.Errorf("told %+v", got)
	}
	eventually(t, "all is handled", func() bool { return linkOf(n.node).State().Malformed >= want })
	if got := linkOf(n.node).State().Malformed; got != want || len(n.told) > 0 || linkOf(n.node).inbound.Load() != 0 {
		t.Errorf("%d counted, not %d; told %d more", got, want, len(n.told))
	}
}

// TestShardedNeedsPermission has Redis refuse all channels, and then rooms.
func TestShardedNeedsPermission(t *testing.T) {
	s := startRedis(t)
	user := func(r *Redis) { r.Username, r.Password = "app", "x" }
	allow := func(channels ...string) {
		s.command(append([]string{"ACL", "SETUSER", "app", "on", ">x", "+@all", "resetchannels"}, channels...)...)
	}
	allow("&other")
	n := enter(t, process(t, s, speaks(dynamic), user), "/chat", "r")
	eventually(t, "Redis refuses", func() bool {
		_, err := n.adapter.Nodes(t.Context())
		return err != nil && strings.Contains(err.Error(), "NOPERM")
	})
	allow("&socket.io#/chat#", "&socket.io#/chat#0*", "&socket.io#/chat#1*", "&socket.io#/chat#2*", "&socket.io#/chat#3*",
		"&socket.io#/chat#4*", "&socket.io#/chat#5*", "&socket.io#/chat#6*", "&socket.io#/chat#7*", "&socket.io#/chat#8*", "&socket.io#/chat#9*",
		"&socket.io#/chat#a*", "&socket.io#/chat#b*", "&socket.io#/chat#c*", "&socket.io#/chat#d*", "&socket.io#/chat#e*", "&socket.io#/chat#f*")
	m := enter(t, process(t, s, speaks(dynamic), user), "/chat", "r", "allowed")
	m.together(1)
	s.subscribers("socket.io#/chat#r#", 0)
	s.subscribers("socket.io#/chat#allowed#", 1)
	allow("&socket.io#/chat#*")
	linkOf(m.node).TryAgain()
	s.subscribers("socket.io#/chat#r#", 1)
}

// TestRoomsOfOthersAreNotRead has the classic dialect leave alone what is for rooms
// that nobody is in here.
func TestRoomsOfOthersAreNotRead(t *testing.T) {
	s := startRedis(t)
	a, b := enter(t, process(t, s), "/chat"), enter(t, process(t, s), "/chat", "here")
	a.together(2)
	b.together(2)
	s.command("PUBLISH", "socket.io#/chat#elsewhere#", "not even MessagePack")
	a.emit("x", "elsewhere")
	a.emit("y", "here", "elsewhere")
	a.emit("z", "here")
	for _, text := range []string{"y", "z"} {
		if got := b.nextEmit(); got.Data.String() != `["e","`+text+`"]` {
			t.Errorf("%s, want %s", got.Data, text)
		}
	}
	if got := linkOf(b.node).State().Malformed; got != 0 {
		t.Errorf("%d messages were read", got)
	}
}
