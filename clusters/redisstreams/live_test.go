package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

func TestOperationsReachTheOtherNode(t *testing.T) {
	a, b := pair(t, startRedis(t), "/chat")
	target := rooms.Target{In: []string{"r1", "r2"}, Except: []string{"r9"}}
	ops := []cluster.Op{
		cluster.Emit{Data: event("all", 1)},
		cluster.Emit{Target: rooms.Target{In: []string{"r#1/é"}}, Data: event("room", "x", []byte{1, 2, 3}, map[string]any{"b": []byte{}})},
		cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: event("rooms")},
		cluster.Join{Target: target, Rooms: []string{"a", "b"}},
		cluster.Leave{Target: target, Rooms: []string{"c"}},
		cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}, Close: true},
		cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}},
		cluster.ServerEmit{Data: event("hello", "x", map[string]any{"y": 1})},
	}
	for _, op := range ops {
		a.publish(op)
	}
	// What is for servers alone takes another way, and may overtake.
	var told, server []cluster.Op
	for range ops {
		op := withoutOffset(t, b.next())
		if _, ok := op.(cluster.ServerEmit); ok {
			server = append(server, op)
		} else {
			told = append(told, op)
		}
	}
	for i, got := range append(told, server...) {
		if want := ops[i]; !same(got, want) {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	}
	b.emit("back")
	if got := a.nextEmit(); got.Data.String() != `["e","back"]` {
		t.Errorf("own operations come back: %+v", got)
	}
}

// withoutOffset takes the offset away that every event of the stream has.
func withoutOffset(t *testing.T, op cluster.Op) cluster.Op {
	emit, ok := op.(cluster.Emit)
	if !ok {
		return op
	}
	if !validID(emit.Offset) {
		t.Errorf("%+v has no offset", emit)
	}
	emit.Offset = ""
	return emit
}

// same compares operations; no rooms may be nil or empty.
func same(a, b cluster.Op) bool {
	return strings.ReplaceAll(fmt.Sprintf("%+v", a), "[]", "") == strings.ReplaceAll(fmt.Sprintf("%+v", b), "[]", "")
}

func TestOrderIsKept(t *testing.T) {
	a, b := pair(t, startRedis(t), "/")
	const n = 5000
	for i := range n {
		if i%5 == 0 {
			a.publish(cluster.Join{Rooms: []string{fmt.Sprint(i)}})
		} else {
			a.emit(fmt.Sprint(i), "room")
		}
	}
	for i := range n {
		got := fmt.Sprintf("%+v", b.next())
		if i%5 == 0 {
			if !strings.Contains(got, fmt.Sprint("Rooms:[", i, "]")) {
				t.Fatalf("%d: %s", i, got)
			}
		} else if !strings.Contains(got, fmt.Sprintf(`["e","%d"]`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
}

func TestQuestions(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	c := join(t, process(t, s), "/")
	a.together(3)
	sockets := cluster.Sockets{{
		ID: "s1", Rooms: []string{"s1", "r"}, Data: []byte(`{"user":"bob"}`),
		Handshake: cluster.Handshake{
			Headers: map[string]string{"host": "x"}, Query: map[string]string{"EIO": "4"}, Time: "now",
			Address: "::1", XDomain: true, Secure: true, Issued: 123, URL: "/", Auth: []byte(`{"t":1}`),
		},
	}}
	asked := make(chan cluster.Query, 100)
	b.answer = func(_ context.Context, q cluster.Query, reply func(cluster.Answer)) {
		asked <- q
		switch q.(type) {
		case cluster.FetchSockets:
			reply(sockets)
		case cluster.AllRooms:
			reply(cluster.Rooms{"r", "s1"})
		case cluster.ServerEmitAck:
			reply(cluster.ServerAck{Data: sio.Data{JSON: []byte(`{"pong":1}`)}})
			reply(cluster.ServerAck{Data: sio.Data{JSON: []byte(`"twice"`)}})
		case cluster.EmitAck:
			reply(cluster.ClientCount(2))
			reply(cluster.ClientAck{Data: event("first", "second")})
			reply(cluster.ClientAck{Data: sio.Array()})
		}
	}

	target := rooms.Target{In: []string{"r"}, Except: []string{"x"}}
	answers, err := a.ask(cluster.FetchSockets{Target: target})
	if err != nil || len(answers) != 2 || !slices.ContainsFunc(answers, func(a cluster.Answer) bool { return reflect.DeepEqual(a, sockets) }) {
		t.Errorf("%v, %+v", err, answers)
	}
	if q := <-asked; !reflect.DeepEqual(q, cluster.FetchSockets{Target: target}) {
		t.Errorf("asked %+v", q)
	}

	answers, err = a.ask(cluster.AllRooms{})
	if want := []string{"[]", "[s1 r]"}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	<-asked

	// Who has nothing to say answers null.
	answers, err = a.ask(cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: event("ping", 1)}})
	if want := []string{"null", `{"pong":1}`}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	if q := (<-asked).(cluster.ServerEmitAck); string(q.Data.JSON) != `["ping",1]` {
		t.Errorf("asked %+v", q)
	}

	emit := cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true}, Data: event("q", []byte{7})}
	answers, err = a.ask(cluster.EmitAck{Emit: emit})
	if want := []string{"0", "2", `["first"]`, "[null]"}; err != nil || !slices.Equal(texts(answers), want) {
		t.Errorf("%v, %v", err, texts(answers))
	}
	if q := <-asked; !reflect.DeepEqual(q, cluster.EmitAck{Emit: emit}) {
		t.Errorf("asked %+v", q)
	}
	c.adapter.Close()
	a.together(2)
}

// texts returns answers as text, in an order that does not depend on who was
// first.
func texts(answers []cluster.Answer) (list []string) {
	for _, a := range answers {
		switch a := a.(type) {
		case cluster.ServerAck:
			list = append(list, a.Data.String())
		case cluster.ClientAck:
			list = append(list, a.Data.String())
		default:
			list = append(list, fmt.Sprint(a))
		}
	}
	slices.Sort(list)
	return list
}

func TestNobodyElseNeedNotAnswer(t *testing.T) {
	a := join(t, process(t, startRedis(t)), "/")
	for _, q := range []cluster.Query{cluster.FetchSockets{}, cluster.AllRooms{}, cluster.EmitAck{Emit: cluster.Emit{Data: event("e")}}} {
		if answers, err := a.ask(q); err != nil || len(answers) > 0 {
			t.Errorf("%T: %v, %v", q, answers, err)
		}
	}
}

func TestSilentNodeMakesAnswersIncomplete(t *testing.T) {
	s := startRedis(t)
	a := join(t, process(t, s, func(r *RedisStreams) { r.RequestsTimeout = 1e6 }), "/")
	b := join(t, process(t, s), "/")
	b.together(2)
	release := make(chan struct{})
	defer close(release)
	b.answer = func(_ context.Context, q cluster.Query, reply func(cluster.Answer)) {
		if _, ok := q.(cluster.EmitAck); ok {
			reply(cluster.ClientCount(2))
			reply(cluster.ClientAck{Data: event("only")})
		}
		<-release
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var answers []cluster.Answer
	err := a.adapter.Ask(ctx, cluster.EmitAck{Emit: cluster.Emit{Data: event("e")}}, func(a cluster.Answer) { answers = append(answers, a) })
	if !errors.Is(err, cluster.ErrIncomplete) || len(answers) != 2 {
		t.Errorf("%v, %v", answers, err)
	}
	if _, err := a.ask(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("requests_timeout: %v", err)
	}
}

func TestHubsAndNamespacesAreApart(t *testing.T) {
	s := startRedis(t)
	one, two := process(t, s), process(t, s)
	other := newLink(two.settings, "other", zap.NewNop())
	t.Cleanup(other.close)
	a, b := join(t, one, "/"), join(t, two, "/")
	chat, hub := join(t, two, "/chat"), join(t, other, "/")
	a.together(2)
	hub.together(1)
	chat.together(1)
	a.emit("x")
	b.next()
	hub.emit("y")
	chat.emit("z")
	a.emit("end")
	if got := b.nextEmit(); got.Data.String() != `["e","end"]` {
		t.Errorf("told %s", got.Data)
	}
	if len(chat.told) > 0 || len(hub.told) > 0 || len(a.told) > 0 {
		t.Error("what is said in one namespace is heard in another")
	}
}

func TestOpenAndCloseAgain(t *testing.T) {
	s := startRedis(t)
	two := process(t, s)
	a, b := join(t, process(t, s), "/"), join(t, two, "/")
	a.together(2)
	again := join(t, two, "/") // as when a namespace ends and begins at once
	if err := b.adapter.Close(); err != nil {
		t.Error(err)
	}
	a.emit("x")
	again.next()
	if len(b.told) > 0 {
		t.Error("a closed adapter is told something")
	}
	a.together(2)
	again.adapter.Close()
	again.adapter.Close()
	a.together(1)
	if err := again.adapter.Publish(cluster.Emit{Data: event("e")}); err == nil {
		t.Error("a closed adapter publishes")
	}
	if _, err := again.ask(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("a closed adapter asks: %v", err)
	}
	for _, namespace := range []string{"/1", "/2", "/3"} {
		join(t, two, namespace).together(1)
	}
}

// TestCloseWithinApply closes an adapter on the goroutine that calls its node, as
// a hub does when the last socket of a namespace goes.
func TestCloseWithinApply(t *testing.T) {
	s := startRedis(t)
	a, c := join(t, process(t, s), "/"), process(t, s)
	n := &closer{done: make(chan struct{})}
	n.adapter, _ = c.Open("/", n)
	a.together(2)
	a.emit("x")
	<-n.done
	a.together(1)
}

type closer struct {
	adapter cluster.Adapter
	done    chan struct{}
}

func (c *closer) Apply(cluster.Op) {
	c.adapter.Close()
	close(c.done)
}

func (c *closer) Answer(context.Context, cluster.Query, func(cluster.Answer)) {}

// TestPanickingNode has the node panic at what it is told and asked: it is told
// the rest all the same, and who asked does not wait for ever.
func TestPanickingNode(t *testing.T) {
	s := startRedis(t)
	a, c := join(t, process(t, s), "/"), process(t, s)
	n := &panicker{told: make(chan cluster.Op, 10)}
	n.adapter, _ = c.Open("/", n)
	a.together(2)
	a.emit("x")
	if _, err := c.Ready(t.Context(), n.adapter.(*adapter).line); err != nil {
		t.Fatal(err)
	}
	a.publish(cluster.Join{Rooms: []string{"r"}})
	if _, ok := (<-n.told).(cluster.Join); !ok {
		t.Error("told something else")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.adapter.Ask(ctx, cluster.AllRooms{}, func(cluster.Answer) {}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	a.publish(cluster.Join{Rooms: []string{"r"}})
	<-n.told
}

type panicker struct {
	adapter cluster.Adapter
	told    chan cluster.Op
}

func (p *panicker) Apply(op cluster.Op) {
	if _, ok := op.(cluster.Emit); ok {
		panic("boom")
	}
	p.told <- op
}

func (p *panicker) Answer(context.Context, cluster.Query, func(cluster.Answer)) { panic("boom") }
