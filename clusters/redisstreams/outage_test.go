package redisstreams

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// linkOf returns what is under a node's adapter.
func linkOf(n *node) *link { return n.adapter.(*adapter).line.link }

// hears waits until what a emits reaches b.
func hears(t testing.TB, a, b *node, text string) {
	t.Helper()
	a.emit(text)
	for b.nextEmit().Data.String() != fmt.Sprintf(`["e",%q]`, text) {
	}
}

// TestRedisRestarts has the Redis come back empty, several times: what was emitted
// meanwhile arrives then.
func TestRedisRestarts(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	for round := range 3 {
		s.stop()
		eventually(t, "the link is down", func() bool { return !linkOf(a).State().Connected && !linkOf(b).State().Connected })
		// Nobody waits while it is away.
		for i := range 100 {
			a.emit(fmt.Sprint("kept ", i))
		}
		if _, err := a.ask(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
		if _, err := a.adapter.Nodes(t.Context()); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("counted: %v", err)
		}
		s.start()
		for i := range 100 {
			if got, want := b.nextEmit().Data.String(), fmt.Sprintf(`["e","kept %d"]`, i); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		a.together(2)
		b.together(2)
		hears(t, b, a, fmt.Sprint("round ", round))
		if answers, err := a.ask(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
			t.Errorf("%v, %v", answers, err)
		}
	}
}

func TestRedisIsAwayAtFirst(t *testing.T) {
	s := startRedis(t)
	s.stop()
	c := process(t, s)
	if state := c.State(); state != (cluster.State{Engine: "redis_streams"}) {
		t.Errorf("%+v", state)
	}
	a := join(t, c, "/")
	if _, err := a.ask(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	a.emit("kept for a moment")
	s.start()
	a.together(1)
	if state := c.State(); !state.Connected || state.Dropped != 0 {
		t.Errorf("%+v", state)
	}
}

// TestNothingOfBeforeIsHeard begins after the newest entry.
func TestNothingOfBeforeIsHeard(t *testing.T) {
	s := startRedis(t)
	a := join(t, process(t, s), "/")
	a.together(1)
	for i := range 10 {
		a.emit(strconv.Itoa(i))
	}
	eventually(t, "all is in the stream", func() bool { return s.command("XLEN", "socket.io") == ":10" })
	b := join(t, process(t, s), "/")
	b.together(2)
	hears(t, a, b, "new")
	if len(b.told) > 0 {
		t.Errorf("told %+v", <-b.told)
	}
}

// TestConnectionsAreKilled has Redis end the connections of one kind under load:
// each entry that is in the stream arrives once, in order.
func TestConnectionsAreKilled(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	const n = 10_000
	go func() {
		for i := range n {
			a.emit(strconv.Itoa(i), "r")
			if i%2000 == 1000 {
				s.command("CLIENT", "KILL", "TYPE", []string{"normal", "pubsub"}[i/2000%2])
			}
		}
	}()
	last, got := -1, 0
	for last < n-1 {
		arg, _ := b.nextEmit().Data.Index(1)
		i, err := strconv.Atoi(arg.Text())
		if err != nil || i <= last {
			t.Fatalf("%d after %d: %v", i, last, err)
		}
		last = i
		got++
	}
	if dropped := linkOf(a).State().Dropped; got+int(dropped) < n {
		t.Errorf("%d arrived and %d were counted as dropped, of %d", got, dropped, n)
	}
}

// TestStreamLosesItsEnd has Redis come back with what it knew a while ago, as after a
// failover, or from a snapshot: nothing is heard twice.
func TestStreamLosesItsEnd(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	for i := range 10 {
		a.emit(strconv.Itoa(i))
		b.nextEmit()
	}
	position := func() string {
		l := linkOf(b)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.position
	}
	read := position()
	s.command("EVAL", "for _, e in ipairs(redis.call('XREVRANGE', 'socket.io', '+', '-', 'COUNT', 3)) do redis.call('XDEL', 'socket.io', e[1]) end", "0")
	s.command("CLIENT", "KILL", "TYPE", "pubsub")
	eventually(t, "it is noticed", func() bool { return compareIDs(position(), read) < 0 })
	s.command("CLIENT", "KILL", "TYPE", "normal") // which ends the read from the former position
	eventually(t, "it reads again", func() bool { return s.info("blocked_clients") == "2" })
	s.command("XADD", "socket.io", "*", "uid", "x", "nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":["new"]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	if got := b.nextEmit(); got.Data.String() != `["new"]` {
		t.Errorf("told %s again", got.Data)
	}
}

// TestRedisIsFull has a Redis that takes no more entries, for a while.
func TestRedisIsFull(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	s.command("CONFIG", "SET", "maxmemory", "1")
	a.emit("x")
	state := a.adapter.(*adapter).line.link.State
	eventually(t, "the link says so", func() bool {
		return !state().Connected && strings.Contains(state().Error, "OOM") && state().Dropped == 1
	})
	s.command("CONFIG", "SET", "maxmemory", "0")
	a.emit("y")
	if got := b.nextEmit(); got.Data.String() != `["e","y"]` {
		t.Errorf("told %s", got.Data)
	}
	eventually(t, "the link is well", func() bool { return state().Connected && state().Error == "" })
}

func TestStreamIsTrimmed(t *testing.T) {
	s := startRedis(t)
	a := join(t, process(t, s, func(r *RedisStreams) { r.MaxLen = 200 }), "/")
	a.together(1)
	for range 2000 {
		a.emit("x")
	}
	linkOf(a).out.Flush(patience)
	if n, _ := strconv.Atoi(s.command("XLEN", "socket.io")[1:]); n < 200 || n > 400 {
		t.Errorf("%d entries", n)
	}
}

// TestUnreachableRedis has a Redis that takes connections and says nothing: no one
// waits for it but the link itself, which ends nevertheless.
func TestUnreachableRedis(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server{t: t, port: l.Addr().(*net.TCPAddr).Port}
	a := join(t, process(t, s), "/")
	a.emit("x")
	if err := a.adapter.Close(); err != nil {
		t.Error(err)
	}
}
