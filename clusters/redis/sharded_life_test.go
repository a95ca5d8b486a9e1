package redis

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// TestShardedRoomsInAHurry has rooms come and go faster than Redis confirms, while
// connections are killed. In the end, the channels are those of the rooms.
func TestShardedRoomsInAHurry(t *testing.T) {
	s := startRedis(t)
	a, b := shardPair(t, s, dynamic)
	name := func(i int) string { return fmt.Sprint("room", i) }
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				room := worker*10 + i*7%10
				b.set(i%3 != 0, name(room))
				a.emit("x", name(room))
				if i == 250 && worker == 0 {
					s.command("CLIENT", "KILL", "TYPE", "pubsub")
				}
				for len(b.told) > 100 {
					<-b.told
				}
			}
		})
	}
	all.Wait()
	b.together(2)
	for i := range 40 {
		want := 0
		if b.HasRoom(name(i)) {
			want = 1
		}
		s.subscribers("socket.io#/chat#"+name(i)+"#", want)
	}
	b.set(true, "last")
	s.subscribers("socket.io#/chat#last#", 1)
	a.emit("end", "last")
	for got := b.nextEmit(); !slices.Equal(got.In, []string{"last"}); got = b.nextEmit() {
	}
}

// TestShardedRestart has Redis go and come back empty.
func TestShardedRestart(t *testing.T) {
	s := startRedis(t)
	a, b := shardPair(t, s, dynamic, "before")
	for round := range 2 {
		s.stop()
		eventually(t, "the link is down", func() bool { return !linkOf(a.node).State().Connected && !linkOf(b.node).State().Connected })
		b.set(true, fmt.Sprint("meanwhile", round))
		if _, err := a.ask(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
		s.start()
		a.together(2)
		b.together(2)
		s.subscribers("socket.io#/chat#before#", 2)
		for _, room := range []string{"before", fmt.Sprint("meanwhile", round)} {
			if room != "before" {
				s.subscribers("socket.io#/chat#"+room+"#", 1)
			}
			a.emit("x", room)
			for got := b.nextEmit(); !slices.Equal(got.In, []string{room}); got = b.nextEmit() {
			}
		}
	}
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.command("CLIENT", "KILL", "TYPE", kind)
		hears(t, a.node, b.node, kind)
		hears(t, b.node, a.node, kind)
		s.subscribers("socket.io#/chat#before#", 2)
	}
}

// TestShardedRestrictedUser has a user with no more rights than the documentation
// asks for.
func TestShardedRestrictedUser(t *testing.T) {
	s := startRedis(t)
	s.command("ACL", "SETUSER", "sio", "on", ">pass", "resetchannels", "-@all", "+spublish", "+ssubscribe", "+sunsubscribe",
		"+pubsub|shardnumsub", "+hello", "+ping", "+auth", "&socket.io#*")
	user := func(r *Redis) { r.Username, r.Password = "sio", "pass" }
	a, b := enter(t, process(t, s, user, speaks(dynamic)), "/chat"), enter(t, process(t, s, user, speaks(dynamic)), "/chat", "room")
	a.together(2)
	s.subscribers("socket.io#/chat#room#", 1)
	a.emit("x", "room")
	b.nextEmit()
	b.set(false, "room")
	s.subscribers("socket.io#/chat#room#", 0)
	if answers, err := a.ask(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
		t.Errorf("%v, %v", answers, err)
	}
}

func TestShardedOpenAndCloseAgain(t *testing.T) {
	s := startRedis(t)
	two := process(t, s, speaks(dynamic))
	a, b := enter(t, process(t, s, speaks(dynamic)), "/chat"), enter(t, two, "/chat", "old", "both")
	a.together(2)
	s.subscribers("socket.io#/chat#old#", 1)
	again := enter(t, two, "/chat", "both") // as when a namespace ends and begins at once
	again.set(true, "new")
	s.subscribers("socket.io#/chat#new#", 1)
	b.adapter.Close()
	s.subscribers("socket.io#/chat#old#", 0)
	s.subscribers("socket.io#/chat#both#", 1)
	a.emit("x", "both")
	again.next()
	if len(b.told) > 0 {
		t.Error("a closed adapter is told something")
	}
	again.adapter.Close()
	third := enter(t, two, "/chat", "both")
	a.together(2)
	s.subscribers("socket.io#/chat#both#", 1)
	s.subscribers("socket.io#/chat#new#", 0)
	a.emit("y", "both")
	third.next()
	if _, err := two.Open("/", &node{}); !errors.Is(err, errRoomless) {
		t.Errorf("a node without rooms: %v", err)
	}
	third.adapter.Close()
	a.together(1)
	if b.watching()+again.watching()+third.watching() > 0 {
		t.Error("closed adapters watch")
	}
}

// TestShardedChannelsMoveAway has Redis take channels away just when nobody needs
// them any more.
func TestShardedChannelsMoveAway(t *testing.T) {
	s := startRedis(t)
	c := process(t, s, speaks(dynamic))
	a := enter(t, c, "/chat", "ended", "there")
	s.subscribers("socket.io#/chat#ended#", 1)
	s.subscribers("socket.io#/chat#there#", 1)
	q := &linkOf(a.node).rooms
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
	s.subscribers("socket.io#/chat#then#", 1)
	s.subscribers("socket.io#/chat#there#", 1)
	s.subscribers("socket.io#/chat#", 1)
	if subs := s.command("PUBSUB", "SHARDCHANNELS"); subs != "*5" { // with ended, which Redis did not really take
		t.Errorf("%s channels", subs)
	}
	moved("there#", "")
	a.adapter.Close()
	again := enter(t, c, "/chat", "there")
	again.together(1)
	s.subscribers("socket.io#/chat#there#", 1)
}

// broken is a dialect whose first message can't be written.
type broken struct {
	dialect
	once *sync.Once
}

func (b broken) publish(s *session, m *outgoing) rueidis.Completed {
	b.once.Do(func() { panic("broken message") })
	return b.dialect.publish(s, m)
}

// TestLinkOutlivesPanics has the goroutines of a link panic.
func TestLinkOutlivesPanics(t *testing.T) {
	s := startRedis(t)
	c := process(t, s, speaks(static))
	c.(member).link.dialect = broken{static, new(sync.Once)}
	a, b := enter(t, c, "/chat"), enter(t, process(t, s, speaks(dynamic)), "/chat", "room")
	a.together(2)
	hears(t, a.node, b.node, "after the message")
	b.mu.Lock()
	b.broken = true
	b.mu.Unlock()
	b.set(true, "wakes")
	s.subscribers("socket.io#/chat#wakes#", 1)
	hears(t, a.node, b.node, "after the session")
}

func (r *roomy) watching() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watchers)
}
