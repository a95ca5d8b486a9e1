package redistest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// testRequests checks each kind of request and the replies of two other nodes.
func (e *Suite) testRequests(t *testing.T) {
	s := Start(t)
	a, b := e.OpenPair(t, s, "/")
	c := OpenNode(t, e.NewCluster(t, s, Setup{}), "/")
	a.WaitNodes(3)
	sockets := cluster.Sockets{{
		ID: "s1", Rooms: []string{"s1", "r"}, Data: []byte(`{"user":"bob"}`),
		Handshake: cluster.Handshake{
			Headers: map[string]string{"host": "x"}, Query: map[string]string{"EIO": "4"}, Time: "now",
			Address: "::1", XDomain: true, Secure: true, Issued: 123, URL: "/", Auth: []byte(`{"t":1}`),
		},
	}}
	received := make(chan cluster.Request, 100)
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		received <- q
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
			reply(cluster.ClientAck{Data: NewEvent("first", "second")})
			reply(cluster.ClientAck{Data: sio.Array()})
		}
	}

	target := rooms.Target{In: []string{"r"}, Except: []string{"x"}}
	replies, err := a.Request(cluster.FetchSockets{Target: target})
	if err != nil || len(replies) != 2 || !slices.ContainsFunc(replies, func(a cluster.Reply) bool { return reflect.DeepEqual(a, sockets) }) {
		t.Errorf("%v, %+v", err, replies)
	}
	if q := <-received; !reflect.DeepEqual(q, cluster.FetchSockets{Target: target}) {
		t.Errorf("received %+v", q)
	}

	replies, err = a.Request(cluster.AllRooms{})
	if want := []string{"[]", e.RoomsReply}; err != nil || !slices.Equal(FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, FormatReplies(replies))
	}
	<-received

	// A node without a reply sends null.
	replies, err = a.Request(cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: NewEvent("ping", 1)}})
	if want := []string{"null", `{"pong":1}`}; err != nil || !slices.Equal(FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, FormatReplies(replies))
	}
	if q := (<-received).(cluster.ServerEmitAck); string(q.Data.JSON) != `["ping",1]` {
		t.Errorf("received %+v", q)
	}

	trace := cluster.ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	emit := cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true}, Data: NewEvent("q", []byte{7}), Trace: trace}
	replies, err = a.Request(cluster.EmitAck{Emit: emit})
	if want := []string{"0", "2", `["first"]`, e.EmptyAck}; err != nil || !slices.Equal(FormatReplies(replies), want) {
		t.Errorf("%v, %v", err, FormatReplies(replies))
	}
	if q := <-received; !reflect.DeepEqual(q, cluster.EmitAck{Emit: emit}) {
		t.Errorf("received %+v", q)
	}
	c.Adapter.Close()
	a.WaitNodes(2)
}

// testRequestsKeepOrder checks that requests and server-side emits arrive after the events
// emitted before them.
func (e *Suite) testRequestsKeepOrder(t *testing.T) {
	a, b := e.OpenPair(t, Start(t), "/")
	const emits, rounds = 50, 20
	applied := make(chan int, rounds)
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		applied <- len(b.Applied)
		switch q.(type) {
		case cluster.EmitAck:
			reply(cluster.ClientCount(0))
		default:
			reply(cluster.Sockets{})
		}
	}
	requests := []cluster.Request{cluster.FetchSockets{}, cluster.EmitAck{Emit: cluster.Emit{Data: NewEvent("q")}}}
	for i := range rounds {
		for range emits {
			a.Emit("before", "room")
		}
		if _, err := a.Request(requests[i%2]); err != nil {
			t.Error(err)
		}
		if got := <-applied; got != emits*(i+1) {
			t.Fatalf("round %d: requested when %d of %d were applied", i, got, emits*(i+1))
		}
	}
	for range rounds * emits {
		b.NextOperation()
	}
	a.Publish(cluster.Join{Rooms: []string{"r"}})
	a.Publish(cluster.ServerEmit{Data: NewEvent("after")})
	if _, ok := b.NextOperation().(cluster.Join); !ok {
		t.Error("a server-side emit overtakes a join")
	}
}

// FormatReplies returns replies as sorted text.
func FormatReplies(replies []cluster.Reply) (list []string) {
	for _, a := range replies {
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

// testRequestWithoutOtherNodes checks that a request returns at once if there are no other nodes.
func (e *Suite) testRequestWithoutOtherNodes(t *testing.T) {
	a := OpenNode(t, e.NewCluster(t, Start(t), Setup{}), "/")
	for _, q := range []cluster.Request{cluster.FetchSockets{}, cluster.AllRooms{}, cluster.EmitAck{Emit: cluster.Emit{Data: NewEvent("e")}}} {
		if replies, err := a.Request(q); err != nil || len(replies) > 0 {
			t.Errorf("%T: %v, %v", q, replies, err)
		}
	}
}

// testSilentNodeMakesRepliesIncomplete checks that a request returns after its timeout, with the replies so far.
func (e *Suite) testSilentNodeMakesRepliesIncomplete(t *testing.T) {
	s := Start(t)
	a := OpenNode(t, e.NewCluster(t, s, Setup{RequestsTimeout: time.Millisecond}), "/")
	b := OpenNode(t, e.NewCluster(t, s, Setup{}), "/")
	b.WaitNodes(2)
	release := make(chan struct{})
	defer close(release)
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		if _, ok := q.(cluster.EmitAck); ok {
			reply(cluster.ClientCount(2))
			reply(cluster.ClientAck{Data: NewEvent("only")})
		}
		<-release
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var replies []cluster.Reply
	err := a.Adapter.Request(ctx, cluster.EmitAck{Emit: cluster.Emit{Data: NewEvent("e")}}, func(a cluster.Reply) { replies = append(replies, a) })
	if !errors.Is(err, cluster.ErrIncomplete) || len(replies) != 2 {
		t.Errorf("%v, %v", replies, err)
	}
	if _, err := a.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("requests_timeout: %v", err)
	}
}
