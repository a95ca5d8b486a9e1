package redisadapter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// recordEvent has an event recorded, and returns its offset.
func recordEvent(t testing.TB, n *redistest.Node, text string, in ...string) (offset string, err error) {
	t.Helper()
	called := 0
	op := cluster.Emit{Target: rooms.Target{In: in}, Data: redistest.NewEvent("e", text)}
	err = n.Adapter.(*recorder).Record(op, cluster.AllNodes, redistest.Timeout, func(op cluster.Emit) {
		offset = op.Offset
		called++
		op.Mark = ""
		n.Applied <- op
	})
	if called != 1 {
		t.Errorf("delivered %d times", called)
	}
	return offset, err
}

// parseEvent returns the argument and the offset of an event in a replay.
func parseEvent(t testing.TB, event *eio.Message) (text, offset string) {
	t.Helper()
	_, list, _ := strings.Cut(string(event.Append(nil, eio.Polling4)), "[")
	var args []string
	if err := json.Unmarshal([]byte("["+list), &args); err != nil || len(args) != 3 {
		t.Fatalf("event %q: %v", list, err)
	}
	return args[1], args[2]
}

// TestRecordsAreDeliveredInOrder has nodes record at the same time: all of them deliver all events
// in the order of the offsets.
func TestRecordsAreDeliveredInOrder(t *testing.T) {
	a, b := streamsSuite.OpenPair(t, redistest.Start(t), "/")
	const each, emitters = 50, 8
	var wg sync.WaitGroup
	for i := range emitters {
		wg.Go(func() {
			n := []*redistest.Node{a, b}[i%2]
			for j := range each {
				if _, err := recordEvent(t, n, fmt.Sprint(i, " ", j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var lists [2][]string
	for i, n := range []*redistest.Node{a, b} {
		last := beforeFirstEntry
		for range each * emitters {
			emit := n.NextEmit()
			if compareEntryIDs(last, emit.Offset) >= 0 {
				t.Fatalf("%s after %s", emit.Offset, last)
			}
			last = emit.Offset
			lists[i] = append(lists[i], emit.Data.String())
		}
		if got := n.Adapter.(*recorder).DeliveredOffset(); got != last {
			t.Errorf("delivered %s, not %s", got, last)
		}
	}
	if !slices.Equal(lists[0], lists[1]) {
		t.Error("the nodes delivered in different orders")
	}
}

// TestRecordDoesNotWaitWithoutRedis records while Redis is away, and while it does not respond.
func TestRecordDoesNotWaitWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	s.Stop()
	redistest.Eventually(t, "the connection is down", func() bool { return !connectionOf(a).describeState().Connected })
	if offset, err := recordEvent(t, a, "late"); offset != "" || !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("%q, %v", offset, err)
	}
	a.NextOperation()
	s.Start()
	if got := b.NextEmit(); got.Data.String() != `["e","late"]` {
		t.Errorf("got %s", got.Data)
	}
	b.WaitNodes(2)

	s.Command("CLIENT", "PAUSE", "500", "WRITE")
	delivered := "never"
	paused := cluster.Emit{Data: redistest.NewEvent("e", "paused")}
	err := a.Adapter.(*recorder).Record(paused, cluster.AllNodes, 50*time.Millisecond, func(op cluster.Emit) { delivered = op.Offset })
	if delivered != "" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", delivered, err)
	}
	if got := b.NextEmit(); got.Data.String() != `["e","paused"]` {
		t.Errorf("got %s", got.Data)
	}
	if offset, err := recordEvent(t, a, "after"); offset == "" || err != nil {
		t.Errorf("%q, %v", offset, err)
	}
	if a.NextEmit(); len(a.Applied) > 0 {
		t.Error("an event is delivered twice")
	}
}

func TestRestoreReplaysEvents(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	chat := redistest.OpenNode(t, startStreamsNode(t, s), "/chat")
	chat.WaitNodes(1)
	from := a.Adapter.(*recorder).DeliveredOffset()
	first, _ := recordEvent(t, a, "first", "r")
	left := cluster.LostSocket{
		PID: "secret", ID: "id", Rooms: []string{"id", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: from,
		Identity: "ada", Lost: time.UnixMilli(1_700_000_000_000), Position: first,
	}
	save := func() {
		t.Helper()
		if err := a.Adapter.(*recorder).Save(left, time.Minute); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, "the session is saved", func() bool { return s.Command("EXISTS", "sio:session:secret") == ":1" })
	}
	save()
	_, _ = recordEvent(t, a, "one", "r")
	_, _ = recordEvent(t, b, "two")
	_, _ = recordEvent(t, b, "elsewhere", "x")
	_, _ = recordEvent(t, chat, "another namespace")
	a.Publish(cluster.Join{Rooms: []string{"z"}})
	a.Publish(cluster.Emit{Flags: cluster.Flags{Volatile: true}, Data: redistest.NewEvent("e", "volatile")})
	a.Publish(cluster.Emit{Target: rooms.Target{Except: []string{"id"}}, Data: redistest.NewEvent("e", "not for it")})
	_, _ = recordEvent(t, a, "three", "id")
	redistest.Eventually(t, "it expires", func() bool { return strings.HasPrefix(s.Command("PTTL", "sio:session:secret"), ":5") })

	node := b.Adapter.(*recorder)
	for _, offset := range []string{"", first} {
		got, err := node.Restore(t.Context(), "secret", offset)
		got.Saved = nil // the adapter's own
		want := left
		want.Known = true
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
		}
		missed, err := node.Replay(t.Context(), cluster.LostSocket{Offset: cmp.Or(offset, got.Offset), Rooms: got.Rooms})
		var texts []string
		for _, event := range missed.Events {
			text, offset := parseEvent(t, event)
			texts = append(texts, text)
			if !isEntryID(offset) {
				t.Errorf("offset %q", offset)
			}
		}
		if want := []string{"first", "one", "two", "three"}[len(offset)/len(first):]; err != nil || !slices.Equal(texts, want) {
			t.Errorf("missed %q, %v", texts, err)
		}
		if _, err := node.Restore(t.Context(), "secret", offset); !errors.Is(err, cluster.ErrNotRecoverable) {
			t.Errorf("it is there twice: %v", err)
		}
		save()
	}
	for _, bad := range [][2]string{{"", first}, {"other", first}, {"secret", "x"}, {"secret", "1-0"}, {strings.Repeat("x", 1000), first}} {
		if got, err := node.Restore(t.Context(), bad[0], bad[1]); !errors.Is(err, cluster.ErrNotRecoverable) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	if got, err := chat.Adapter.(*recorder).Restore(t.Context(), "secret", first); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Errorf("another namespace: %+v, %v", got, err)
	}
}

// TestStreamsPermissions has a user with exactly the documented rights.
func TestStreamsPermissions(t *testing.T) {
	s := redistest.Start(t)
	s.Command("ACL", "SETUSER", "sio", "on", ">pass", "resetkeys", "resetchannels", "-@all", "+xadd", "+xread", "+xrange", "+xrevrange", "+set", "+get", "+pttl", "+getdel",
		"+publish", "+subscribe", "+unsubscribe", "+pubsub|numsub", "+hello", "+ping", "+auth", "~socket.io", "~sio:session:*", "&socket.io#*")
	user := func(r *setup) { r.Username, r.Password = "sio", "pass" }
	a, b := redistest.OpenNode(t, startStreamsNode(t, s, user), "/"), redistest.OpenNode(t, startStreamsNode(t, s, user), "/")
	a.WaitNodes(2)
	b.WaitNodes(2)
	offset, err := recordEvent(t, a, "one")
	if err != nil || b.NextEmit().Offset != offset {
		t.Errorf("%s, %v", offset, err)
	}
	if _, err := recordEvent(t, b, "two", "id"); err != nil {
		t.Error(err)
	}
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id"}, Data: sio.Data{JSON: []byte(`{}`)}}
	if err := a.Adapter.(*recorder).Save(left, time.Minute); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the session is saved", func() bool { return s.Command("EXISTS", "sio:session:secret") == ":1" })
	got, err := b.Adapter.(*recorder).Restore(t.Context(), "secret", offset)
	if err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
	if missed, err := b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: offset, Rooms: got.Rooms}); err != nil || len(missed.Events) != 1 {
		t.Errorf("%+v, %v", missed, err)
	}
	if replies, err := a.Request(cluster.FetchSockets{}); err != nil || len(replies) != 1 {
		t.Errorf("%v, %v", replies, err)
	}
	b.Adapter.Close()
	a.WaitNodes(1)
}

// TestRestoreFailsAfterTrimming restores after the stream was trimmed, and without a Redis.
func TestRestoreFailsAfterTrimming(t *testing.T) {
	s := redistest.Start(t)
	a := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	a.WaitNodes(1)
	first, _ := recordEvent(t, a, "first")
	_, _ = recordEvent(t, a, "second")
	r := a.Adapter.(*recorder)
	if err := r.Save(cluster.LostSocket{PID: "p", ID: "i", Rooms: []string{"i"}, Data: sio.Data{JSON: []byte("{}")}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	s.Command("XTRIM", "socket.io", "MAXLEN", "1")
	if _, err := r.Restore(t.Context(), "p", first); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Error(err)
	}
	if _, err := r.Restore(t.Context(), "p", ""); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Error(err)
	}
	s.Stop()
	redistest.Eventually(t, "the connection is down", func() bool { return !connectionOf(a).describeState().Connected })
	if _, err := r.Restore(t.Context(), "p", first); err == nil {
		t.Error("restored from nowhere")
	}
	if _, err := r.Replay(t.Context(), cluster.LostSocket{Offset: first}); err == nil {
		t.Error("missed from nowhere")
	}
}

// TestReplayAppliesOperations has all kinds of operations done to a lost socket, by a node that
// never had it.
func TestReplayAppliesOperations(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	room := func(names ...string) rooms.Target { return rooms.Target{In: names} }
	start, _ := recordEvent(t, a, "start", "r")
	a.Publish(cluster.Leave{Target: room("id"), Rooms: []string{"r"}}) // it was there, and joined again
	position, _ := recordEvent(t, a, "in flight", "r")
	a.Publish(cluster.Join{Target: room("r"), Rooms: []string{"x", "y"}})
	_, _ = recordEvent(t, a, "x", "x")
	a.Publish(cluster.Leave{Target: rooms.Target{Except: []string{"other"}}, Rooms: []string{"r", "x"}})
	a.Publish(cluster.Disconnect{Target: room("r")})
	_, _ = recordEvent(t, a, "r", "r")
	_, _ = recordEvent(t, a, "y", "y")
	missed, err := b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: start, Position: position, Rooms: []string{"id", "r"}})
	var texts []string
	for _, event := range missed.Events {
		text, _ := parseEvent(t, event)
		texts = append(texts, text)
	}
	if err != nil || missed.Disconnected || !slices.Equal(missed.Rooms, []string{"id", "y"}) || !slices.Equal(texts, []string{"in flight", "x", "y"}) {
		t.Errorf("%+v, %q, %v", missed, texts, err)
	}
	// An offset that a client claims skips no operation.
	missed, err = b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: missed.Offset, Position: position, Rooms: []string{"id", "r"}})
	if err != nil || len(missed.Events) > 0 || !slices.Equal(missed.Rooms, []string{"id", "y"}) {
		t.Errorf("%+v, %v", missed, err)
	}
	a.Publish(cluster.Disconnect{Target: room("y"), Close: true})
	if last, err := recordEvent(t, a, "end"); err != nil {
		t.Errorf("%s: %v", last, err)
	}
	missed, err = b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: start, Position: position, Rooms: []string{"id", "r"}})
	if err != nil || !missed.Disconnected {
		t.Errorf("%+v, %v", missed, err)
	}
}

// TestUpdateNeedsSavedSocket updates a lost socket only while it is saved.
func TestUpdateNeedsSavedSocket(t *testing.T) {
	s := redistest.Start(t)
	a := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	r := a.Adapter.(*recorder)
	left := cluster.LostSocket{PID: "p", ID: "i", Rooms: []string{"i"}, Data: sio.Data{JSON: []byte(`{}`)}, Offset: beforeFirstEntry}
	restored := func() string {
		t.Helper()
		got, err := r.Restore(t.Context(), "p", "")
		if err != nil {
			return err.Error()
		}
		return got.Data.String()
	}
	a.WaitNodes(1)
	_ = r.Update(left, time.Minute)
	if got := restored(); !strings.Contains(got, "no such session") {
		t.Errorf("nothing saved, but got %s", got)
	}
	_ = r.Save(left, time.Minute)
	left.Data.JSON = []byte(`{"name":"ada"}`)
	_ = r.Update(left, time.Minute)
	if got := restored(); got != `{"name":"ada"}` {
		t.Errorf("got %s", got)
	}
}

// TestReplaySkipsMarkedEvents has Redis add an entry late, after its record was given up. Replay
// leaves the event out for a socket that received it, and not for another one.
func TestReplaySkipsMarkedEvents(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	first, err := recordEvent(t, a, "first")
	if err != nil {
		t.Fatal(err)
	}
	b.NextEmit()
	s.Command("CLIENT", "PAUSE", "500", "WRITE")
	var marks []string
	for _, wait := range []time.Duration{50 * time.Millisecond, 0} {
		// Their texts are the same: only the mark distinguishes them.
		late := cluster.Emit{Data: redistest.NewEvent("e", "late")}
		err := a.Adapter.(*recorder).Record(late, cluster.AllNodes, wait, func(op cluster.Emit) {
			if op.Offset != "" {
				t.Errorf("recorded at %s", op.Offset)
			}
			marks = append(marks, op.Mark)
		})
		if err == nil {
			t.Error("recorded in time")
		}
	}
	if third, err := recordEvent(t, a, "late"); err != nil || third == "" {
		t.Errorf("%q, %v", third, err)
	}
	for range 3 {
		b.NextEmit()
	}
	for _, n := range []*redistest.Node{a, b} {
		for got, want := range map[string]int{"": 3, marks[0]: 2, marks[1]: 2, marks[0] + " " + marks[1]: 1} {
			left := cluster.LostSocket{PID: "p", ID: "i", Offset: first, Marks: strings.Fields(got)}
			missed, err := n.Adapter.(*recorder).Replay(t.Context(), left)
			if err != nil || len(missed.Events) != want {
				t.Errorf("with the marks %q: missed %d, not %d, %v", got, len(missed.Events), want, err)
			}
		}
	}
	// The marks are saved.
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id"}, Data: sio.Data{JSON: []byte("{}")}, Offset: first, Marks: marks}
	if err := a.Adapter.(*recorder).Save(left, time.Minute); err != nil {
		t.Fatal(err)
	}
	got, err := a.Adapter.(*recorder).Restore(t.Context(), "secret", first)
	if err != nil || !slices.Equal(got.Marks, marks) {
		t.Errorf("%+v, %v", got, err)
	}
}
