package redisadapter

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// waitEntryReaches waits until an emit of a reaches b.
func waitEntryReaches(t testing.TB, a, b *redistest.Node, text string) {
	t.Helper()
	a.Emit(text)
	for b.NextEmit().Data.String() != fmt.Sprintf(`["e",%q]`, text) {
	}
}

// TestStreamsReconnects restarts Redis without its data, several times: queued emits arrive
// afterwards.
func TestStreamsReconnects(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	for round := range 3 {
		s.Stop()
		redistest.Eventually(t, "the connection is down", func() bool {
			return !connectionOf(a).describeState().Connected && !connectionOf(b).describeState().Connected
		})
		// No call waits while it is away.
		a.AssertNothingBlocks("kept")
		s.Start()
		for i := range 100 {
			if got, want := b.NextEmit().Data.String(), fmt.Sprintf(`["e","kept %d"]`, i); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		a.WaitNodes(2)
		b.WaitNodes(2)
		waitEntryReaches(t, b, a, fmt.Sprint("round ", round))
		if replies, err := a.Request(cluster.FetchSockets{}); err != nil || len(replies) != 1 {
			t.Errorf("%v, %v", replies, err)
		}
	}
}

// TestReaderStartsAfterNewestEntry adds entries before a node starts.
func TestReaderStartsAfterNewestEntry(t *testing.T) {
	s := redistest.Start(t)
	a := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	a.WaitNodes(1)
	for i := range 10 {
		a.Emit(strconv.Itoa(i))
	}
	redistest.Eventually(t, "all is in the stream", func() bool { return s.Command("XLEN", "socket.io") == ":10" })
	b := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	b.WaitNodes(2)
	waitEntryReaches(t, a, b, "new")
	if len(b.Applied) > 0 {
		t.Errorf("got %+v", <-b.Applied)
	}
}

// TestStreamsSurvivesKilledConnections has Redis close connections under load: each entry of the
// stream arrives once, in order.
func TestStreamsSurvivesKilledConnections(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	const n = 10_000
	go func() {
		for i := range n {
			a.Emit(strconv.Itoa(i), "r")
			if i%2000 == 1000 {
				s.Command("CLIENT", "KILL", "TYPE", []string{"normal", "pubsub"}[i/2000%2])
			}
		}
	}()
	got := b.ReceiveAscending(n)
	if dropped := connectionOf(a).describeState().Dropped; got+int(dropped) < n {
		t.Errorf("%d arrived and %d were counted as dropped, of %d", got, dropped, n)
	}
}

// TestReaderFollowsStreamThatLostItsEnd removes the newest entries, as a failover or a restored
// snapshot does: no event is applied twice.
func TestReaderFollowsStreamThatLostItsEnd(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	for i := range 10 {
		a.Emit(strconv.Itoa(i))
		b.NextEmit()
	}
	position := func() string {
		l := connectionOf(b).dialect.(*streams)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.position
	}
	read := position()
	s.Command("EVAL", "for _, e in ipairs(redis.call('XREVRANGE', 'socket.io', '+', '-', 'COUNT', 3)) do redis.call('XDEL', 'socket.io', e[1]) end", "0")
	s.Command("CLIENT", "KILL", "TYPE", "pubsub")
	redistest.Eventually(t, "it is noticed", func() bool { return compareEntryIDs(position(), read) < 0 })
	s.Command("CLIENT", "KILL", "TYPE", "normal") // which ends the read from the former position
	redistest.Eventually(t, "it reads again", func() bool { return s.Info("blocked_clients") == "2" })
	s.Command("XADD", "socket.io", "*", "uid", "x", "nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":["new"]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	if got := b.NextEmit(); got.Data.String() != `["new"]` {
		t.Errorf("got %s again", got.Data)
	}
}

// TestFullRedisIsReported has a Redis that accepts no entries, for a while.
func TestFullRedisIsReported(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	s.Command("CONFIG", "SET", "maxmemory", "1")
	a.Emit("x")
	state := connectionOf(a).describeState
	redistest.Eventually(t, "the state says so", func() bool {
		return !state().Connected && strings.Contains(state().Error, "OOM") && state().Dropped == 1
	})
	s.Command("CONFIG", "SET", "maxmemory", "0")
	a.Emit("y")
	if got := b.NextEmit(); got.Data.String() != `["e","y"]` {
		t.Errorf("got %s", got.Data)
	}
	redistest.Eventually(t, "the connection is up", func() bool { return state().Connected && state().Error == "" })
}

func TestStreamIsTrimmed(t *testing.T) {
	s := redistest.Start(t)
	a := redistest.OpenNode(t, startStreamsNode(t, s, func(r *setup) { r.Streams.MaxLen = 200 }), "/")
	a.WaitNodes(1)
	for range 2000 {
		a.Emit("x")
	}
	connectionOf(a).queue.waitEmpty(redistest.Timeout)
	if n, _ := strconv.Atoi(s.Command("XLEN", "socket.io")[1:]); n < 200 || n > 400 {
		t.Errorf("%d entries", n)
	}
}
