package redisadapter

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/redis/rueidis"
)

// TestShardedRoomsInAHurry has rooms come and go faster than Redis confirms, while
// connections are killed. In the end, the channels are those of the rooms.
func TestShardedRoomsInAHurry(t *testing.T) {
	s := redistest.Start(t)
	a, b := shardPair(t, s, Dynamic)
	name := func(i int) string { return fmt.Sprint("room", i) }
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				room := worker*10 + i*7%10
				b.set(i%3 != 0, name(room))
				a.Emit("x", name(room))
				if i == 250 && worker == 0 {
					s.Command("CLIENT", "KILL", "TYPE", "pubsub")
				}
				for len(b.Applied) > 100 {
					<-b.Applied
				}
			}
		})
	}
	all.Wait()
	b.WaitNodes(2)
	for i := range 40 {
		want := 0
		if b.HasRoom(name(i)) {
			want = 1
		}
		subscribers(t, s, "socket.io#/chat#"+name(i)+"#", want)
	}
	b.set(true, "last")
	subscribers(t, s, "socket.io#/chat#last#", 1)
	a.Emit("end", "last")
	for got := b.NextEmit(); !slices.Equal(got.In, []string{"last"}); got = b.NextEmit() {
	}
}

// TestShardedRestart has Redis go and come back empty.
func TestShardedRestart(t *testing.T) {
	s := redistest.Start(t)
	a, b := shardPair(t, s, Dynamic, "before")
	for round := range 2 {
		s.Stop()
		redistest.Eventually(t, "the link is down", func() bool {
			return !connectionOf(a.Node).describeState().Connected && !connectionOf(b.Node).describeState().Connected
		})
		b.set(true, fmt.Sprint("meanwhile", round))
		if _, err := a.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
		s.Start()
		a.WaitNodes(2)
		b.WaitNodes(2)
		subscribers(t, s, "socket.io#/chat#before#", 2)
		for _, room := range []string{"before", fmt.Sprint("meanwhile", round)} {
			if room != "before" {
				subscribers(t, s, "socket.io#/chat#"+room+"#", 1)
			}
			a.Emit("x", room)
			for got := b.NextEmit(); !slices.Equal(got.In, []string{room}); got = b.NextEmit() {
			}
		}
	}
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.Command("CLIENT", "KILL", "TYPE", kind)
		hears(t, a.Node, b.Node, kind)
		hears(t, b.Node, a.Node, kind)
		subscribers(t, s, "socket.io#/chat#before#", 2)
	}
}

// TestShardedRestrictedUser has a user with no more rights than the documentation
// asks for.
func TestShardedRestrictedUser(t *testing.T) {
	s := redistest.Start(t)
	s.Command("ACL", "SETUSER", "sio", "on", ">pass", "resetchannels", "-@all", "+spublish", "+ssubscribe", "+sunsubscribe",
		"+pubsub|shardnumsub", "+hello", "+ping", "+auth", "&socket.io#*")
	user := func(r *setup) { r.Username, r.Password = "sio", "pass" }
	a, b := enter(t, startNode(t, s, user, inMode(Dynamic)), "/chat"), enter(t, startNode(t, s, user, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	subscribers(t, s, "socket.io#/chat#room#", 1)
	a.Emit("x", "room")
	b.NextEmit()
	b.set(false, "room")
	subscribers(t, s, "socket.io#/chat#room#", 0)
	if answers, err := a.Request(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
		t.Errorf("%v, %v", answers, err)
	}
}

func TestShardedOpenAndCloseAgain(t *testing.T) {
	s := redistest.Start(t)
	two := startNode(t, s, inMode(Dynamic))
	a, b := enter(t, startNode(t, s, inMode(Dynamic)), "/chat"), enter(t, two, "/chat", "old", "both")
	a.WaitNodes(2)
	subscribers(t, s, "socket.io#/chat#old#", 1)
	again := enter(t, two, "/chat", "both") // as when a namespace ends and begins at once
	again.set(true, "new")
	subscribers(t, s, "socket.io#/chat#new#", 1)
	b.Adapter.Close()
	subscribers(t, s, "socket.io#/chat#old#", 0)
	subscribers(t, s, "socket.io#/chat#both#", 1)
	a.Emit("x", "both")
	again.NextOperation()
	if len(b.Applied) > 0 {
		t.Error("a closed adapter is told something")
	}
	again.Adapter.Close()
	third := enter(t, two, "/chat", "both")
	a.WaitNodes(2)
	subscribers(t, s, "socket.io#/chat#both#", 1)
	subscribers(t, s, "socket.io#/chat#new#", 0)
	a.Emit("y", "both")
	third.NextOperation()
	if _, err := two.Open("/", redistest.NewNode(t)); !errors.Is(err, errNoRooms) {
		t.Errorf("a node without rooms: %v", err)
	}
	third.Adapter.Close()
	a.WaitNodes(1)
	if b.watching()+again.watching()+third.watching() > 0 {
		t.Error("closed adapters watch")
	}
}

// TestShardedChannelsMoveAway has Redis take channels away just when nobody needs
// them any more.
func TestShardedChannelsMoveAway(t *testing.T) {
	s := redistest.Start(t)
	c := startNode(t, s, inMode(Dynamic))
	a := enter(t, c, "/chat", "ended", "there")
	subscribers(t, s, "socket.io#/chat#ended#", 1)
	subscribers(t, s, "socket.io#/chat#there#", 1)
	q := &connectionOf(a.Node).dialect.(*sharded).changes
	moved := func(rooms ...string) {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, room := range rooms {
			q.moved = append(q.moved, "socket.io#/chat#"+room)
		}
	}
	moved("ended#", "there#", "")
	a.set(false, "ended") // wakes the session
	a.set(true, "then")
	subscribers(t, s, "socket.io#/chat#then#", 1)
	subscribers(t, s, "socket.io#/chat#there#", 1)
	subscribers(t, s, "socket.io#/chat#", 1)
	if subs := s.Command("PUBSUB", "SHARDCHANNELS"); subs != "*5" { // with ended, which Redis did not really take
		t.Errorf("%s channels", subs)
	}
	moved("there#", "")
	a.Adapter.Close()
	again := enter(t, c, "/chat", "there")
	again.WaitNodes(1)
	subscribers(t, s, "socket.io#/chat#there#", 1)
}

// broken is a dialect whose first message can't be written.
type broken struct {
	dialect
	once *sync.Once
}

func (b broken) redisCommand(builder rueidis.Builder, cmd *command) rueidis.Completed {
	b.once.Do(func() { panic("broken message") })
	return b.dialect.redisCommand(builder, cmd)
}

// TestLinkOutlivesPanics has the goroutines of a link panic.
func TestLinkOutlivesPanics(t *testing.T) {
	s := redistest.Start(t)
	c := startNode(t, s, inMode(Static))
	conn := c.(hubCluster).conn
	conn.dialect = broken{conn.dialect, new(sync.Once)}
	a, b := enter(t, c, "/chat"), enter(t, startNode(t, s, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	hears(t, a.Node, b.Node, "after the message")
	b.mu.Lock()
	b.broken = true
	b.mu.Unlock()
	b.set(true, "wakes")
	subscribers(t, s, "socket.io#/chat#wakes#", 1)
	hears(t, a.Node, b.Node, "after the session")
}

func (r *roomy) watching() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watchers)
}
