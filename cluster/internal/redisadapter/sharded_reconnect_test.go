package redisadapter

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/redis/rueidis"
)

// TestShardedFollowsFastRoomChanges has rooms come and go faster than Redis confirms, while
// connections are killed. At the end, the channels match the rooms.
func TestShardedFollowsFastRoomChanges(t *testing.T) {
	s := redistest.Start(t)
	a, b := openShardedPair(t, s, Dynamic)
	name := func(i int) string { return fmt.Sprint("room", i) }
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				room := worker*10 + i*7%10
				b.setRooms(i%3 != 0, name(room))
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
		waitSubscribers(t, s, "socket.io#/chat#"+name(i)+"#", want)
	}
	b.setRooms(true, "last")
	waitSubscribers(t, s, "socket.io#/chat#last#", 1)
	a.Emit("end", "last")
	for got := b.NextEmit(); !slices.Equal(got.In, []string{"last"}); got = b.NextEmit() {
	}
}

// TestShardedReconnects restarts Redis without its data.
func TestShardedReconnects(t *testing.T) {
	s := redistest.Start(t)
	a, b := openShardedPair(t, s, Dynamic, "before")
	for round := range 2 {
		s.Stop()
		redistest.Eventually(t, "the connection is down", func() bool {
			return !connectionOf(a.Node).describeState().Connected && !connectionOf(b.Node).describeState().Connected
		})
		b.setRooms(true, fmt.Sprint("meanwhile", round))
		if _, err := a.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("request: %v", err)
		}
		s.Start()
		a.WaitNodes(2)
		b.WaitNodes(2)
		waitSubscribers(t, s, "socket.io#/chat#before#", 2)
		for _, room := range []string{"before", fmt.Sprint("meanwhile", round)} {
			if room != "before" {
				waitSubscribers(t, s, "socket.io#/chat#"+room+"#", 1)
			}
			a.Emit("x", room)
			for got := b.NextEmit(); !slices.Equal(got.In, []string{room}); got = b.NextEmit() {
			}
		}
	}
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.Command("CLIENT", "KILL", "TYPE", kind)
		waitEmitsReach(t, a.Node, b.Node, kind)
		waitEmitsReach(t, b.Node, a.Node, kind)
		waitSubscribers(t, s, "socket.io#/chat#before#", 2)
	}
}

// TestShardedPermissions has a user with exactly the documented rights.
func TestShardedPermissions(t *testing.T) {
	s := redistest.Start(t)
	s.Command("ACL", "SETUSER", "sio", "on", ">pass", "resetchannels", "-@all", "+spublish", "+ssubscribe", "+sunsubscribe",
		"+pubsub|shardnumsub", "+hello", "+ping", "+auth", "&socket.io#*")
	user := func(r *setup) { r.Username, r.Password = "sio", "pass" }
	a, b := openRoomNode(t, startNode(t, s, user, inMode(Dynamic)), "/chat"), openRoomNode(t, startNode(t, s, user, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	waitSubscribers(t, s, "socket.io#/chat#room#", 1)
	a.Emit("x", "room")
	b.NextEmit()
	b.setRooms(false, "room")
	waitSubscribers(t, s, "socket.io#/chat#room#", 0)
	if replies, err := a.Request(cluster.FetchSockets{}); err != nil || len(replies) != 1 {
		t.Errorf("%v, %v", replies, err)
	}
}

func TestShardedReopensNamespace(t *testing.T) {
	s := redistest.Start(t)
	two := startNode(t, s, inMode(Dynamic))
	a, b := openRoomNode(t, startNode(t, s, inMode(Dynamic)), "/chat"), openRoomNode(t, two, "/chat", "old", "both")
	a.WaitNodes(2)
	waitSubscribers(t, s, "socket.io#/chat#old#", 1)
	again := openRoomNode(t, two, "/chat", "both") // as when a namespace closes and opens at once
	again.setRooms(true, "new")
	waitSubscribers(t, s, "socket.io#/chat#new#", 1)
	b.Adapter.Close()
	waitSubscribers(t, s, "socket.io#/chat#old#", 0)
	waitSubscribers(t, s, "socket.io#/chat#both#", 1)
	a.Emit("x", "both")
	again.NextOperation()
	if len(b.Applied) > 0 {
		t.Error("a closed adapter applies something")
	}
	again.Adapter.Close()
	third := openRoomNode(t, two, "/chat", "both")
	a.WaitNodes(2)
	waitSubscribers(t, s, "socket.io#/chat#both#", 1)
	waitSubscribers(t, s, "socket.io#/chat#new#", 0)
	a.Emit("y", "both")
	third.NextOperation()
	if _, err := two.Open("/", redistest.NewNode(t)); !errors.Is(err, errNoRooms) {
		t.Errorf("a node without rooms: %v", err)
	}
	third.Adapter.Close()
	a.WaitNodes(1)
	if b.watcherCount()+again.watcherCount()+third.watcherCount() > 0 {
		t.Error("closed adapters watch")
	}
}

// TestShardedHandlesMovedChannels has Redis unsubscribe channels just when their rooms end.
func TestShardedHandlesMovedChannels(t *testing.T) {
	s := redistest.Start(t)
	c := startNode(t, s, inMode(Dynamic))
	a := openRoomNode(t, c, "/chat", "ended", "there")
	waitSubscribers(t, s, "socket.io#/chat#ended#", 1)
	waitSubscribers(t, s, "socket.io#/chat#there#", 1)
	q := &connectionOf(a.Node).dialect.(*sharded).changes
	moved := func(rooms ...string) {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, room := range rooms {
			q.moved = append(q.moved, "socket.io#/chat#"+room)
		}
	}
	moved("ended#", "there#", "")
	a.setRooms(false, "ended") // wakes the session
	a.setRooms(true, "then")
	waitSubscribers(t, s, "socket.io#/chat#then#", 1)
	waitSubscribers(t, s, "socket.io#/chat#there#", 1)
	waitSubscribers(t, s, "socket.io#/chat#", 1)
	if subs := s.Command("PUBSUB", "SHARDCHANNELS"); subs != "*5" { // with ended, which Redis did not really take
		t.Errorf("%s channels", subs)
	}
	moved("there#", "")
	a.Adapter.Close()
	again := openRoomNode(t, c, "/chat", "there")
	again.WaitNodes(1)
	waitSubscribers(t, s, "socket.io#/chat#there#", 1)
}

// panickingDialect is a dialect that panics at its first message.
type panickingDialect struct {
	dialect
	once *sync.Once
}

func (b panickingDialect) redisCommand(builder rueidis.Builder, cmd *command) rueidis.Completed {
	b.once.Do(func() { panic("broken message") })
	return b.dialect.redisCommand(builder, cmd)
}

// TestConnectionSurvivesPanics has the goroutines of a connection panic.
func TestConnectionSurvivesPanics(t *testing.T) {
	s := redistest.Start(t)
	c := startNode(t, s, inMode(Static))
	conn := c.(hubCluster).conn
	conn.dialect = panickingDialect{conn.dialect, new(sync.Once)}
	a, b := openRoomNode(t, c, "/chat"), openRoomNode(t, startNode(t, s, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	waitEmitsReach(t, a.Node, b.Node, "after the message")
	b.mu.Lock()
	b.panics = true
	b.mu.Unlock()
	b.setRooms(true, "wakes")
	waitSubscribers(t, s, "socket.io#/chat#wakes#", 1)
	waitEmitsReach(t, a.Node, b.Node, "after the session")
}

func (r *roomNode) watcherCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watchers)
}
