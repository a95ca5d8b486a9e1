package redis

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// linkOf returns what is under a node's adapter.
func linkOf(n *node) *link { return n.adapter.(*adapter).line.link }

// hears waits until what a emits reaches b. What is emitted until then may be
// lost: Redis keeps nothing for who is not subscribed.
func hears(t testing.TB, a, b *node, text string) {
	t.Helper()
	sent := 0
	eventually(t, "the other node hears", func() bool {
		a.emit(text)
		sent++
		return len(b.told) > 0
	})
	for {
		b.next()
		if len(b.told) == 0 {
			return
		}
	}
}

func TestRedisRestarts(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	for round := range 3 {
		s.stop()
		eventually(t, "the link is down", func() bool { return !linkOf(a).State().Connected && !linkOf(b).State().Connected })
		// Nobody waits while it is away.
		for i := range 100 {
			a.emit(fmt.Sprint("lost ", i))
		}
		if _, err := a.ask(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
		if _, err := a.adapter.Nodes(t.Context()); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("counted: %v", err)
		}
		s.start()
		a.together(2)
		b.together(2)
		hears(t, a, b, fmt.Sprint("round ", round))
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
	if state := c.State(); state != (cluster.State{Engine: "redis"}) {
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

// TestConnectionsAreKilled has Redis end the connections of one kind.
func TestConnectionsAreKilled(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.command("CLIENT", "KILL", "TYPE", kind)
		hears(t, a, b, kind)
		hears(t, b, a, kind)
		a.together(2)
		b.together(2)
	}
}

// TestPublishingGoesOnOrdered kills the publishing connection under load: what
// arrives is in order, and each at most once.
func TestPublishingGoesOnOrdered(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	const n = 20_000
	go func() {
		for i := range n {
			a.emit(strconv.Itoa(i), "r")
			if i%4000 == 2000 {
				s.command("CLIENT", "KILL", "TYPE", "normal")
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
	linkOf(a).close()
	if _, err := linkOf(a).open("k", "/", a); err == nil {
		t.Error("a closed link opens")
	}
}

// TestRedisHangs has a Redis stop to answer, with its connections open, and go on.
func TestRedisHangs(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	c, d := shardPair(t, s, dynamic, "room")
	signal := func(sig os.Signal) {
		if err := s.process.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { signal(syscall.SIGCONT) }) // before it is killed
	for _, n := range []*node{a, c.node} {
		for i := range 10_000 { // none of which waits
			n.emit(strconv.Itoa(i), "room")
		}
	}
	for _, n := range []*node{a, b, c.node, d.node} {
		eventually(t, "the link notices", func() bool { return !linkOf(n).State().Connected })
		if _, err := n.ask(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
	}
	signal(syscall.SIGCONT)
	hears(t, a, b, "again")
	hears(t, b, a, "again")
	c.together(2)
	s.subscribers("socket.io#/chat#room#", 2)
	hears(t, c.node, d.node, "again")
}

func TestPublishedBeforeClose(t *testing.T) {
	s := startRedis(t)
	a, b := pair(t, s, "/")
	for i := range 1000 {
		b.emit(fmt.Sprint(i))
	}
	b.publish(cluster.Disconnect{Close: true})
	b.adapter.Close()
	linkOf(b).close()
	for range 1000 {
		a.nextEmit()
	}
	if _, ok := a.next().(cluster.Disconnect); !ok {
		t.Error("the last operation is lost")
	}
	a.together(1)
}

func TestPasswordIsWrong(t *testing.T) {
	s := startRedis(t, "--requirepass", "right")
	wrong := join(t, process(t, s, func(r *Redis) { r.Password = "wrong" }), "/")
	if _, err := wrong.ask(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	if state := linkOf(wrong).State(); state.Connected || !strings.Contains(state.Error, "WRONGPASS") {
		t.Errorf("%+v", state)
	}
	t.Setenv("REDIS_PASSWORD", "right")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	passwords := []string{"right", "{env.REDIS_PASSWORD}", "{file." + secret + "}"}
	for i, password := range passwords {
		right := join(t, process(t, s, func(r *Redis) { r.Password = password }), "/")
		right.together(i + 1)
	}
}

// TestRedisRefusesMessages has a Redis that lets subscribe and not publish, for a
// while.
func TestRedisRefusesMessages(t *testing.T) {
	s := startRedis(t)
	for _, mode := range []sharded{"", static} {
		a, b := enter(t, process(t, s, speaks(mode)), "/"), enter(t, process(t, s, speaks(mode)), "/")
		a.together(2)
		for range 2 {
			s.command("ACL", "SETUSER", "default", "-publish", "-spublish")
			a.emit("x")
			eventually(t, "the link says so", func() bool {
				state := linkOf(a.node).State()
				return !state.Connected && strings.Contains(state.Error, "NOPERM") && state.Dropped > 0
			})
			s.command("ACL", "SETUSER", "default", "+@all")
			a.emit("y")
			b.nextEmit()
			eventually(t, "the link is well", func() bool {
				state := linkOf(a.node).State()
				return state.Connected && state.Error == ""
			})
		}
	}
}

// TestRestrictedUser has a user with no more rights than the documentation asks
// for.
func TestRestrictedUser(t *testing.T) {
	s := startRedis(t)
	s.command("ACL", "SETUSER", "sio", "on", ">pass", "resetchannels", "-@all", "+publish", "+subscribe", "+psubscribe", "+unsubscribe",
		"+punsubscribe", "+pubsub|numsub", "+hello", "+ping", "+auth", "&socket.io#*", "&socket.io-request#*", "&socket.io-response#*", "&socket.io#/#*")
	user := func(r *Redis) { r.Username, r.Password = "sio", "pass" }
	a, b := join(t, process(t, s, user), "/"), join(t, process(t, s, user), "/")
	a.together(2)
	a.emit("x")
	b.next()
	// One namespace that the user has no right to does not bring the others down.
	c := process(t, s, user)
	chat, root := join(t, c, "/chat"), join(t, c, "/")
	if _, err := chat.ask(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	root.together(3)
	a.emit("y")
	root.next()
	// What was refused is tried again after a while, not whenever something changes.
	s.command("ACL", "SETUSER", "sio", "&socket.io#/chat#*", "&socket.io#/more#*")
	join(t, c, "/more").together(1)
	if _, err := chat.ask(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("tried again at once: %v", err)
	}
	if state := c.State(); !state.Connected || !strings.Contains(state.Error, "namespace /chat: NOPERM") {
		t.Errorf("%+v", state)
	}
	linkOf(chat).TryAgain()
	chat.together(1)
}

// TestManyNamespaces opens and closes as many as a hub may have.
func TestManyNamespaces(t *testing.T) {
	const n = 5000
	s := startRedis(t)
	c := process(t, s)
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = join(t, c, fmt.Sprint("/", i))
	}
	for _, i := range []int{0, n / 2, n - 1} {
		nodes[i].together(1)
	}
	s.command("CLIENT", "KILL", "TYPE", "pubsub")
	for _, i := range []int{n - 1, n / 2, 0} {
		nodes[i].together(1)
	}
	for _, node := range nodes {
		node.adapter.Close()
	}
	eventually(t, "all are left", func() bool { return s.command("PUBSUB", "NUMPAT") == ":0" })
}
