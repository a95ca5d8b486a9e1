package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// record has an event recorded, and tells its offset.
func (n *node) record(text string, in ...string) (offset string, err error) {
	n.t.Helper()
	called := 0
	op := cluster.Emit{Target: rooms.Target{In: in}, Data: event("e", text)}
	err = n.adapter.(*adapter).Record(n.t.Context(), op, func(o string) {
		offset = o
		called++
		op.Offset = o
		n.told <- op
	})
	if called != 1 {
		n.t.Errorf("delivered %d times", called)
	}
	return offset, err
}

// TestRecordsAreInOrder has nodes record at the same time: all of them deliver
// everything in one order, that of the offsets.
func TestRecordsAreInOrder(t *testing.T) {
	a, b := pair(t, startRedis(t), "/")
	const each, emitters = 50, 8
	var wg sync.WaitGroup
	for i := range emitters {
		wg.Go(func() {
			n := []*node{a, b}[i%2]
			for j := range each {
				if _, err := n.record(fmt.Sprint(i, " ", j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var lists [2][]string
	for i, n := range []*node{a, b} {
		last := beforeAll
		for range each * emitters {
			emit := n.nextEmit()
			if compareIDs(last, emit.Offset) >= 0 {
				t.Fatalf("%s after %s", emit.Offset, last)
			}
			last = emit.Offset
			lists[i] = append(lists[i], emit.Data.String())
		}
		if got := n.adapter.(*adapter).Delivered(); got != last {
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
	s := startRedis(t)
	a, b := pair(t, s, "/")
	s.stop()
	eventually(t, "the link is down", func() bool { return !linkOf(a).State().Connected })
	if offset, err := a.record("late"); offset != "" || !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("%q, %v", offset, err)
	}
	a.next()
	s.start()
	if got := b.nextEmit(); got.Data.String() != `["e","late"]` {
		t.Errorf("told %s", got.Data)
	}
	b.together(2)

	s.command("CLIENT", "PAUSE", "500", "WRITE")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	delivered := "never"
	err := a.adapter.(*adapter).Record(ctx, cluster.Emit{Data: event("e", "paused")}, func(o string) { delivered = o })
	if delivered != "" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", delivered, err)
	}
	if got := b.nextEmit(); got.Data.String() != `["e","paused"]` {
		t.Errorf("told %s", got.Data)
	}
	if offset, err := a.record("after"); offset == "" || err != nil {
		t.Errorf("%q, %v", offset, err)
	}
	if a.nextEmit(); len(a.told) > 0 {
		t.Error("an event is delivered twice")
	}
}

func TestRestore(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	chat := join(t, process(t, s), "/chat")
	chat.together(1)
	from := a.adapter.(*adapter).Delivered()
	first, _ := a.record("first", "r")
	left := cluster.Session{PID: "secret", ID: "id", Rooms: []string{"id", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: from}
	save := func() {
		t.Helper()
		if err := a.adapter.(*adapter).Save(left, time.Minute); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the session is saved", func() bool { return s.command("EXISTS", "sio:session:secret") == ":1" })
	}
	save()
	_, _ = a.record("one", "r")
	_, _ = b.record("two")
	_, _ = b.record("elsewhere", "x")
	_, _ = chat.record("another namespace")
	a.publish(cluster.Join{Rooms: []string{"z"}})
	a.publish(cluster.Emit{Flags: cluster.Flags{Volatile: true}, Data: event("e", "volatile")})
	a.publish(cluster.Emit{Target: rooms.Target{Except: []string{"id"}}, Data: event("e", "not for it")})
	_, _ = a.record("three", "id")
	eventually(t, "it expires", func() bool { return strings.HasPrefix(s.command("PTTL", "sio:session:secret"), ":5") })

	node := b.adapter.(*adapter)
	for _, offset := range []string{"", first} {
		got, err := node.Restore(t.Context(), "secret", offset)
		want := left
		want.Known, want.Offset = true, map[string]string{"": from, first: first}[offset]
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
		}
		missed, err := node.Missed(t.Context(), got.Offset, got.Rooms)
		var texts []string
		for _, emit := range missed {
			arg, _ := emit.Data.Index(1)
			texts = append(texts, arg.Text())
			if !validID(emit.Offset) {
				t.Errorf("offset %q", emit.Offset)
			}
		}
		if want := []string{"first", "one", "two", "three"}[len(offset)/len(first):]; err != nil || !slices.Equal(texts, want) {
			t.Errorf("missed %q, %v", texts, err)
		}
		if _, err := node.Restore(t.Context(), "secret", offset); !errors.Is(err, cluster.ErrNoSession) {
			t.Errorf("it is there twice: %v", err)
		}
		save()
	}
	for _, bad := range [][2]string{{"", first}, {"other", first}, {"secret", "x"}, {"secret", "1-0"}, {strings.Repeat("x", 1000), first}} {
		if got, err := node.Restore(t.Context(), bad[0], bad[1]); !errors.Is(err, cluster.ErrNoSession) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	if got, err := chat.adapter.(*adapter).Restore(t.Context(), "secret", first); !errors.Is(err, cluster.ErrNoSession) {
		t.Errorf("another namespace: %+v, %v", got, err)
	}
}

// TestRestrictedUser has a user with no more rights than the documentation asks for.
func TestRestrictedUser(t *testing.T) {
	s := startRedis(t)
	s.command("ACL", "SETUSER", "sio", "on", ">pass", "resetkeys", "resetchannels", "-@all", "+xadd", "+xread", "+xrange", "+xrevrange", "+set", "+getdel",
		"+publish", "+subscribe", "+unsubscribe", "+pubsub|numsub", "+hello", "+ping", "+auth", "~socket.io", "~sio:session:*", "&socket.io#*")
	user := func(r *RedisStreams) { r.Username, r.Password = "sio", "pass" }
	a, b := join(t, process(t, s, user), "/"), join(t, process(t, s, user), "/")
	a.together(2)
	b.together(2)
	offset, err := a.record("one")
	if err != nil || b.nextEmit().Offset != offset {
		t.Errorf("%s, %v", offset, err)
	}
	if _, err := b.record("two", "id"); err != nil {
		t.Error(err)
	}
	left := cluster.Session{PID: "secret", ID: "id", Rooms: []string{"id"}, Data: sio.Data{JSON: []byte(`{}`)}}
	if err := a.adapter.(*adapter).Save(left, time.Minute); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is saved", func() bool { return s.command("EXISTS", "sio:session:secret") == ":1" })
	got, err := b.adapter.(*adapter).Restore(t.Context(), "secret", offset)
	if err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
	if missed, err := b.adapter.(*adapter).Missed(t.Context(), offset, got.Rooms); err != nil || len(missed) != 1 {
		t.Errorf("%+v, %v", missed, err)
	}
	if answers, err := a.ask(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
		t.Errorf("%v, %v", answers, err)
	}
	b.adapter.Close()
	a.together(1)
}

// TestRestoreIsNotPossible when the stream has forgotten what was missed, or when
// there is no Redis.
func TestRestoreIsNotPossible(t *testing.T) {
	s := startRedis(t)
	a := join(t, process(t, s), "/")
	a.together(1)
	first, _ := a.record("first")
	_, _ = a.record("second")
	r := a.adapter.(*adapter)
	if err := r.Save(cluster.Session{PID: "p", ID: "i", Rooms: []string{"i"}, Data: sio.Data{JSON: []byte("{}")}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	s.command("XTRIM", "socket.io", "MAXLEN", "1")
	if _, err := r.Restore(t.Context(), "p", first); !errors.Is(err, cluster.ErrNoSession) {
		t.Error(err)
	}
	if _, err := r.Restore(t.Context(), "p", ""); !errors.Is(err, cluster.ErrNoSession) {
		t.Error(err)
	}
	s.stop()
	eventually(t, "the link is down", func() bool { return !linkOf(a).State().Connected })
	if _, err := r.Restore(t.Context(), "p", first); err == nil {
		t.Error("restored from nowhere")
	}
	if _, err := r.Missed(t.Context(), first, nil); err == nil {
		t.Error("missed from nowhere")
	}
}
