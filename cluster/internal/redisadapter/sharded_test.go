package redisadapter

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestShardedOperationsReachOtherNode(t *testing.T) {
	s := redistest.Start(t)
	for _, mode := range []Mode{Static, Dynamic, DynamicPrivate} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := openShardedPair(t, s, mode, "r#1/é", "12345678901234567890")
			ops := append(redistest.Operations(),
				cluster.Emit{Target: rooms.Target{In: []string{"12345678901234567890"}}, Data: redistest.NewEvent("id")},
				cluster.ServerEmit{Data: redistest.NewEvent("hello", "x", map[string]any{"y": []byte{1}})})
			for _, op := range ops {
				a.Publish(op)
			}
			a.Publish(cluster.Join{Target: rooms.Target{In: []string{"r1"}}}) // without rooms: not published
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
				waitSubscribers(t, s, channel, 0)
			}
		})
	}
}

// TestShardedFollowsRooms has rooms come and go, and checks the channels in Redis.
func TestShardedFollowsRooms(t *testing.T) {
	s := redistest.Start(t)
	id := strings.Repeat("i", 20)
	for mode, want := range map[Mode][2]int{Static: {0, 0}, Dynamic: {1, 0}, DynamicPrivate: {1, 1}} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := openShardedPair(t, s, mode)
			room, private := "socket.io#/chat#room#", "socket.io#/chat#"+id+"#"
			for range 3 {
				b.setRooms(true, id, "room")
				waitSubscribers(t, s, room, want[0])
				waitSubscribers(t, s, private, want[1])
				a.Emit("x", "room")
				a.Emit("y", id)
				for _, text := range []string{"x", "y"} {
					if got := b.NextEmit(); got.Data.String() != `["e","`+text+`"]` {
						t.Errorf("%s, want %s", got.Data, text)
					}
				}
				b.setRooms(false, "room", id)
				waitSubscribers(t, s, room, 0)
				waitSubscribers(t, s, private, 0)
			}
			// A room by the name of the own channel, and one that is gone at once.
			own := adapterOf(b.Adapter).namespace.uid
			b.setRooms(true, own, "gone")
			b.setRooms(false, own, "gone")
			b.setRooms(true, "last")
			waitSubscribers(t, s, "socket.io#/chat#last#", want[0])
			waitSubscribers(t, s, "socket.io#/chat#gone#", 0)
			waitSubscribers(t, s, "socket.io#/chat#"+own+"#", 1)
		})
	}
}

func TestShardedRequests(t *testing.T) {
	s := redistest.Start(t)
	a, b := openShardedPair(t, s, Dynamic, "r")
	openRoomNode(t, startNode(t, s, inMode(Dynamic)), "/chat")
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
	replies, err := a.Request(cluster.FetchSockets{Target: rooms.Target{In: []string{"r"}}})
	if err != nil || len(replies) != 2 || !slices.ContainsFunc(replies, func(a cluster.Reply) bool { return reflect.DeepEqual(a, sockets) }) {
		t.Errorf("%v, %+v", err, replies)
	}
	replies, err = a.Request(cluster.AllRooms{})
	if want := []string{"[]", "[s1 r]"}; err != nil || !slices.Equal(redistest.FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(replies))
	}
	replies, err = a.Request(cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: redistest.NewEvent("ping", 1)}})
	if want := []string{`["pong",{"$binary":"AQ=="}]`, "null"}; err != nil || !slices.Equal(redistest.FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(replies))
	}
	// To one room, and yet all nodes reply.
	emit := cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Flags: cluster.Flags{Volatile: true}, Data: redistest.NewEvent("q", []byte{7})}
	replies, err = a.Request(cluster.EmitAck{Emit: emit})
	if want := []string{"0", "2", `["first"]`, `[["b",{"$binary":"AQ=="}]]`}; err != nil || !slices.Equal(redistest.FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, redistest.FormatReplies(replies))
	}
	if got := b.NextOperation(); !redistest.EqualOperations(got, emit) {
		t.Errorf("got request %+v", got)
	}
}

func TestShardedKeepsOrder(t *testing.T) {
	a, b := openShardedPair(t, redistest.Start(t), Dynamic, "r0", "r1", "r2")
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

func TestShardedMalformedMessagesAreCounted(t *testing.T) {
	s := redistest.Start(t)
	n := openRoomNode(t, startNode(t, s, inMode(Dynamic)), "/", "r")
	n.WaitNodes(1)
	waitSubscribers(t, s, "socket.io#/#r#", 1)
	own := "socket.io#/#" + adapterOf(n.Adapter).namespace.uid + "#"
	var want uint64
	for _, m := range malformedShardedMessages {
		s.Command("SPUBLISH", "socket.io#/#", m)
		s.Command("SPUBLISH", "socket.io#/#r#", m)
		s.Command("SPUBLISH", own, m) // no request is pending
		if m, err := decodeShardedMessage(m); err != nil || m.Nsp == "/" {
			want += 2 // else it is for another namespace
		}
	}
	s.Command("SPUBLISH", "socket.io#/#", `{"type":3,"data":{"packet":{"type":2,"data":["other"]},"opts":{}},"nsp":"/other"}`)
	s.Command("SPUBLISH", "socket.io#/#", `{"type":13,"nsp":"/"}`)
	s.Command("SPUBLISH", "socket.io#/#r#", `{"nsp":"/","data":{"opts":{"rooms":"r","flags":[]},"packet":{"data":["end"]}},"type":3}`)
	if got := n.NextEmit(); got.Data.String() != `["end"]` || !slices.Equal(got.In, []string{"r"}) {
		t.Errorf("got %+v", got)
	}
	redistest.Eventually(t, "all is handled", func() bool { return connectionOf(n.Node).describeState().Malformed >= want })
	if got := connectionOf(n.Node).describeState().Malformed; got != want || len(n.Applied) > 0 || connectionOf(n.Node).inbound.Load() != 0 {
		t.Errorf("%d counted, not %d; got %d more", got, want, len(n.Applied))
	}
}

// TestShardedRetriesRefusedChannels has Redis refuse all channels, and then rooms.
func TestShardedRetriesRefusedChannels(t *testing.T) {
	s := redistest.Start(t)
	user := func(r *setup) { r.Username, r.Password = "app", "x" }
	allow := func(channels ...string) {
		s.Command(append([]string{"ACL", "SETUSER", "app", "on", ">x", "+@all", "resetchannels"}, channels...)...)
	}
	allow("&other")
	n := openRoomNode(t, startNode(t, s, inMode(Dynamic), user), "/chat", "r")
	redistest.Eventually(t, "Redis refuses", func() bool {
		_, err := n.Adapter.Nodes(t.Context())
		return err != nil && strings.Contains(err.Error(), "NOPERM")
	})
	allow("&socket.io#/chat#", "&socket.io#/chat#0*", "&socket.io#/chat#1*", "&socket.io#/chat#2*", "&socket.io#/chat#3*",
		"&socket.io#/chat#4*", "&socket.io#/chat#5*", "&socket.io#/chat#6*", "&socket.io#/chat#7*", "&socket.io#/chat#8*", "&socket.io#/chat#9*",
		"&socket.io#/chat#a*", "&socket.io#/chat#b*", "&socket.io#/chat#c*", "&socket.io#/chat#d*", "&socket.io#/chat#e*", "&socket.io#/chat#f*")
	m := openRoomNode(t, startNode(t, s, inMode(Dynamic), user), "/chat", "r", "allowed")
	m.WaitNodes(1)
	waitSubscribers(t, s, "socket.io#/chat#r#", 0)
	waitSubscribers(t, s, "socket.io#/chat#allowed#", 1)
	allow("&socket.io#/chat#*")
	connectionOf(m.Node).retryRefused()
	waitSubscribers(t, s, "socket.io#/chat#r#", 1)
}

// TestEmitsToOtherRoomsAreNotDecoded checks that the classic dialect ignores messages for rooms
// without sockets on this node.
func TestEmitsToOtherRoomsAreNotDecoded(t *testing.T) {
	s := redistest.Start(t)
	a, b := openRoomNode(t, startNode(t, s), "/chat"), openRoomNode(t, startNode(t, s), "/chat", "here")
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
