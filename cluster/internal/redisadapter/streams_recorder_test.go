package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// recordText has an event recorded, and tells its offset.
func recordText(t testing.TB, n *redistest.Node, text string, in ...string) (offset string, err error) {
	t.Helper()
	called := 0
	op := cluster.Emit{Target: rooms.Target{In: in}, Data: redistest.NewEvent("e", text)}
	err = n.Adapter.(*recorder).Record(t.Context(), op, func(o, _ string) {
		offset = o
		called++
		op.Offset = o
		n.Applied <- op
	})
	if called != 1 {
		t.Errorf("delivered %d times", called)
	}
	return offset, err
}

// TestRecordsAreInOrder has nodes record at the same time: all of them deliver
// everything in one order, that of the offsets.
func TestRecordsAreInOrder(t *testing.T) {
	a, b := streamsEngine.OpenPair(t, redistest.Start(t), "/")
	const each, emitters = 50, 8
	var wg sync.WaitGroup
	for i := range emitters {
		wg.Go(func() {
			n := []*redistest.Node{a, b}[i%2]
			for j := range each {
				if _, err := recordText(t, n, fmt.Sprint(i, " ", j)); err != nil {
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

// TestRecordDoesNotWaitForARedisThatIsAway records while the Redis is away, and
// while it does not answer.
func TestRecordDoesNotWaitForARedisThatIsAway(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	s.Stop()
	redistest.Eventually(t, "the link is down", func() bool { return !connectionOf(a).describeState().Connected })
	if offset, err := recordText(t, a, "late"); offset != "" || !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("%q, %v", offset, err)
	}
	a.NextOperation()
	s.Start()
	if got := b.NextEmit(); got.Data.String() != `["e","late"]` {
		t.Errorf("told %s", got.Data)
	}
	b.WaitNodes(2)

	s.Command("CLIENT", "PAUSE", "500", "WRITE")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	delivered := "never"
	err := a.Adapter.(*recorder).Record(ctx, cluster.Emit{Data: redistest.NewEvent("e", "paused")}, func(o, _ string) { delivered = o })
	if delivered != "" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", delivered, err)
	}
	if got := b.NextEmit(); got.Data.String() != `["e","paused"]` {
		t.Errorf("told %s", got.Data)
	}
	if offset, err := recordText(t, a, "after"); offset == "" || err != nil {
		t.Errorf("%q, %v", offset, err)
	}
	if a.NextEmit(); len(a.Applied) > 0 {
		t.Error("an event is delivered twice")
	}
}

func TestRestore(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	chat := redistest.OpenNode(t, startStreamsNode(t, s), "/chat")
	chat.WaitNodes(1)
	from := a.Adapter.(*recorder).DeliveredOffset()
	first, _ := recordText(t, a, "first", "r")
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: from,
		Identity: "ada", Lost: time.UnixMilli(1_700_000_000_000), Position: first}
	save := func() {
		t.Helper()
		if err := a.Adapter.(*recorder).Save(left, time.Minute); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, "the session is saved", func() bool { return s.Command("EXISTS", "sio:session:secret") == ":1" })
	}
	save()
	_, _ = recordText(t, a, "one", "r")
	_, _ = recordText(t, b, "two")
	_, _ = recordText(t, b, "elsewhere", "x")
	_, _ = recordText(t, chat, "another namespace")
	a.Publish(cluster.Join{Rooms: []string{"z"}})
	a.Publish(cluster.Emit{Flags: cluster.Flags{Volatile: true}, Data: redistest.NewEvent("e", "volatile")})
	a.Publish(cluster.Emit{Target: rooms.Target{Except: []string{"id"}}, Data: redistest.NewEvent("e", "not for it")})
	_, _ = recordText(t, a, "three", "id")
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
		for _, emit := range missed.Events {
			arg, _ := emit.Data.Index(1)
			texts = append(texts, arg.Text())
			if !isEntryID(emit.Offset) {
				t.Errorf("offset %q", emit.Offset)
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

// TestStreamsRestrictedUser has a user with no more rights than the documentation asks for.
func TestStreamsRestrictedUser(t *testing.T) {
	s := redistest.Start(t)
	s.Command("ACL", "SETUSER", "sio", "on", ">pass", "resetkeys", "resetchannels", "-@all", "+xadd", "+xread", "+xrange", "+xrevrange", "+set", "+get", "+pttl", "+getdel",
		"+publish", "+subscribe", "+unsubscribe", "+pubsub|numsub", "+hello", "+ping", "+auth", "~socket.io", "~sio:session:*", "&socket.io#*")
	user := func(r *setup) { r.Username, r.Password = "sio", "pass" }
	a, b := redistest.OpenNode(t, startStreamsNode(t, s, user), "/"), redistest.OpenNode(t, startStreamsNode(t, s, user), "/")
	a.WaitNodes(2)
	b.WaitNodes(2)
	offset, err := recordText(t, a, "one")
	if err != nil || b.NextEmit().Offset != offset {
		t.Errorf("%s, %v", offset, err)
	}
	if _, err := recordText(t, b, "two", "id"); err != nil {
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
	if answers, err := a.Request(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
		t.Errorf("%v, %v", answers, err)
	}
	b.Adapter.Close()
	a.WaitNodes(1)
}

// TestRestoreIsNotPossible when the stream has forgotten what was missed, or when
// there is no Redis.
func TestRestoreIsNotPossible(t *testing.T) {
	s := redistest.Start(t)
	a := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	a.WaitNodes(1)
	first, _ := recordText(t, a, "first")
	_, _ = recordText(t, a, "second")
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
	redistest.Eventually(t, "the link is down", func() bool { return !connectionOf(a).describeState().Connected })
	if _, err := r.Restore(t.Context(), "p", first); err == nil {
		t.Error("restored from nowhere")
	}
	if _, err := r.Replay(t.Context(), cluster.LostSocket{Offset: first}); err == nil {
		t.Error("missed from nowhere")
	}
}

// TestMissedOperations has operations of all kinds done to a lost socket, by a node
// that does not know it.
func TestMissedOperations(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	room := func(names ...string) rooms.Target { return rooms.Target{In: names} }
	start, _ := recordText(t, a, "start", "r")
	a.Publish(cluster.Leave{Target: room("id"), Rooms: []string{"r"}}) // it was there, and joined again
	position, _ := recordText(t, a, "in flight", "r")
	a.Publish(cluster.Join{Target: room("r"), Rooms: []string{"x", "y"}})
	_, _ = recordText(t, a, "x", "x")
	a.Publish(cluster.Leave{Target: rooms.Target{Except: []string{"other"}}, Rooms: []string{"r", "x"}})
	a.Publish(cluster.Disconnect{Target: room("r")})
	_, _ = recordText(t, a, "r", "r")
	_, _ = recordText(t, a, "y", "y")
	missed, err := b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: start, Position: position, Rooms: []string{"id", "r"}})
	var texts []string
	for _, emit := range missed.Events {
		arg, _ := emit.Data.Index(1)
		texts = append(texts, arg.Text())
	}
	if err != nil || missed.Disconnected || !slices.Equal(missed.Rooms, []string{"id", "y"}) || !slices.Equal(texts, []string{"in flight", "x", "y"}) {
		t.Errorf("%+v, %q, %v", missed, texts, err)
	}
	// What a client claims to have got skips no operation.
	missed, err = b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: missed.Offset, Position: position, Rooms: []string{"id", "r"}})
	if err != nil || len(missed.Events) > 0 || !slices.Equal(missed.Rooms, []string{"id", "y"}) {
		t.Errorf("%+v, %v", missed, err)
	}
	a.Publish(cluster.Disconnect{Target: room("y"), Close: true})
	if last, err := recordText(t, a, "end"); err != nil {
		t.Errorf("%s: %v", last, err)
	}
	missed, err = b.Adapter.(*recorder).Replay(t.Context(), cluster.LostSocket{Offset: start, Position: position, Rooms: []string{"id", "r"}})
	if err != nil || !missed.Disconnected {
		t.Errorf("%+v, %v", missed, err)
	}
}

// TestUpdate saves a session again only while it is there.
func TestUpdate(t *testing.T) {
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

// TestGivenUpRecordIsNotMissed has Redis take an event late, after its record was given
// up: a socket that was delivered it has not missed it, another one has.
func TestGivenUpRecordIsNotMissed(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	first, err := recordText(t, a, "first")
	if err != nil {
		t.Fatal(err)
	}
	b.NextEmit()
	s.Command("CLIENT", "PAUSE", "500", "WRITE")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var marks []string
	for _, ctx := range []context.Context{brief, ended} {
		// Their texts are the same, so that only the mark tells them apart.
		err := a.Adapter.(*recorder).Record(ctx, cluster.Emit{Data: redistest.NewEvent("e", "late")}, func(offset, mark string) {
			if offset != "" {
				t.Errorf("recorded at %s", offset)
			}
			marks = append(marks, mark)
		})
		if err == nil {
			t.Error("recorded in time")
		}
	}
	if third, err := recordText(t, a, "late"); err != nil || third == "" {
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
