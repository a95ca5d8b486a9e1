package redisadapter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
)

// hears waits until what a emits reaches b. What is emitted until then may be
// lost: Redis keeps nothing for who is not subscribed.
func hears(t testing.TB, a, b *redistest.Node, text string) {
	t.Helper()
	sent := 0
	redistest.Eventually(t, "the other node hears", func() bool {
		a.Emit(text)
		sent++
		return len(b.Applied) > 0
	})
	for {
		b.NextOperation()
		if len(b.Applied) == 0 {
			return
		}
	}
}

func TestRedisRestarts(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicEngine.OpenPair(t, s, "/")
	for round := range 3 {
		s.Stop()
		redistest.Eventually(t, "the link is down", func() bool {
			return !connectionOf(a).describeState().Connected && !connectionOf(b).describeState().Connected
		})
		// Nobody waits while it is away.
		a.AssertNothingBlocks("lost")
		s.Start()
		a.WaitNodes(2)
		b.WaitNodes(2)
		hears(t, a, b, fmt.Sprint("round ", round))
		hears(t, b, a, fmt.Sprint("round ", round))
		if answers, err := a.Request(cluster.FetchSockets{}); err != nil || len(answers) != 1 {
			t.Errorf("%v, %v", answers, err)
		}
	}
}

// TestConnectionsAreKilled has Redis end the connections of one kind.
func TestConnectionsAreKilled(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicEngine.OpenPair(t, s, "/")
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.Command("CLIENT", "KILL", "TYPE", kind)
		hears(t, a, b, kind)
		hears(t, b, a, kind)
		a.WaitNodes(2)
		b.WaitNodes(2)
	}
}

// TestPublishingGoesOnOrdered kills the publishing connection under load: what
// arrives is in order, and each at most once.
func TestPublishingGoesOnOrdered(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicEngine.OpenPair(t, s, "/")
	const n = 20_000
	go func() {
		for i := range n {
			a.Emit(strconv.Itoa(i), "r")
			if i%4000 == 2000 {
				s.Command("CLIENT", "KILL", "TYPE", "normal")
			}
		}
	}()
	got := b.ReceiveAscending(n)
	if dropped := connectionOf(a).describeState().Dropped; got+int(dropped) < n {
		t.Errorf("%d arrived and %d were counted as dropped, of %d", got, dropped, n)
	}
}

// TestClosedLink ends a link while its Redis says nothing.
func TestClosedLink(t *testing.T) {
	a := redistest.OpenNode(t, startNode(t, redistest.StartSilent(t)), "/")
	connectionOf(a).closeConnection()
	if _, err := connectionOf(a).openNamespace(namespaceID{"k", "/"}, a); err == nil {
		t.Error("a closed link opens")
	}
}

// TestRedisHangs has a Redis stop to answer, with its connections open, and go on.
func TestRedisHangs(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicEngine.OpenPair(t, s, "/")
	c, d := shardPair(t, s, Dynamic, "room")
	s.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { s.Signal(syscall.SIGCONT) }) // before it is killed
	for _, n := range []*redistest.Node{a, c.Node} {
		for i := range 10_000 { // none of which waits
			n.Emit(strconv.Itoa(i), "room")
		}
	}
	for _, n := range []*redistest.Node{a, b, c.Node, d.Node} {
		redistest.Eventually(t, "the link notices", func() bool { return !connectionOf(n).describeState().Connected })
		if _, err := n.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("asked: %v", err)
		}
	}
	s.Signal(syscall.SIGCONT)
	hears(t, a, b, "again")
	hears(t, b, a, "again")
	c.WaitNodes(2)
	subscribers(t, s, "socket.io#/chat#room#", 2)
	hears(t, c.Node, d.Node, "again")
}

func TestPublishedBeforeClose(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicEngine.OpenPair(t, s, "/")
	for i := range 1000 {
		b.Emit(fmt.Sprint(i))
	}
	b.Publish(cluster.Disconnect{Close: true})
	b.Adapter.Close()
	connectionOf(b).closeConnection()
	for range 1000 {
		a.NextEmit()
	}
	if _, ok := a.NextOperation().(cluster.Disconnect); !ok {
		t.Error("the last operation is lost")
	}
	a.WaitNodes(1)
}

func TestPasswordIsWrong(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "right")
	wrong := redistest.OpenNode(t, startNode(t, s, func(r *setup) { r.Password = "wrong" }), "/")
	if _, err := wrong.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	if state := connectionOf(wrong).describeState(); state.Connected || !strings.Contains(state.Error, "WRONGPASS") {
		t.Errorf("%+v", state)
	}
	t.Setenv("REDIS_PASSWORD", "right")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	passwords := []string{"right", "{env.REDIS_PASSWORD}", "{file." + secret + "}"}
	for i, password := range passwords {
		right := redistest.OpenNode(t, startNode(t, s, func(r *setup) { r.Password = password }), "/")
		right.WaitNodes(i + 1)
	}
}

// TestNonsenseNamesTheAddress has something answer that is no Redis.
func TestNonsenseNamesTheAddress(t *testing.T) {
	for _, nonsense := range []string{"$-2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", "*99999999\r\n"} {
		f := redistest.StartFake(t, func(int, []string, string) string { return nonsense })
		a := redistest.OpenNode(t, startNode(t, f.Server), "/")
		redistest.Eventually(t, "the link says so", func() bool {
			state := connectionOf(a).describeState()
			return !state.Connected && strings.Contains(state.Error, f.Address())
		})
	}
}

// TestRedisRefusesMessages has a Redis that lets subscribe and not publish, for a
// while.
func TestRedisRefusesMessages(t *testing.T) {
	s := redistest.Start(t)
	for _, mode := range []Mode{"", Static} {
		a, b := enter(t, startNode(t, s, inMode(mode)), "/"), enter(t, startNode(t, s, inMode(mode)), "/")
		a.WaitNodes(2)
		for range 2 {
			s.Command("ACL", "SETUSER", "default", "-publish", "-spublish")
			a.Emit("x")
			redistest.Eventually(t, "the link says so", func() bool {
				state := connectionOf(a.Node).describeState()
				return !state.Connected && strings.Contains(state.Error, "NOPERM") && state.Dropped > 0
			})
			s.Command("ACL", "SETUSER", "default", "+@all")
			a.Emit("y")
			b.NextEmit()
			redistest.Eventually(t, "the link is well", func() bool {
				state := connectionOf(a.Node).describeState()
				return state.Connected && state.Error == ""
			})
		}
	}
}

// TestRestrictedUser has a user with no more rights than the documentation asks
// for.
func TestRestrictedUser(t *testing.T) {
	s := redistest.Start(t)
	s.Command("ACL", "SETUSER", "sio", "on", ">pass", "resetchannels", "-@all", "+publish", "+subscribe", "+psubscribe", "+unsubscribe",
		"+punsubscribe", "+pubsub|numsub", "+hello", "+ping", "+auth", "&socket.io#*", "&socket.io-request#*", "&socket.io-response#*", "&socket.io#/#*")
	user := func(r *setup) { r.Username, r.Password = "sio", "pass" }
	a, b := redistest.OpenNode(t, startNode(t, s, user), "/"), redistest.OpenNode(t, startNode(t, s, user), "/")
	a.WaitNodes(2)
	a.Emit("x")
	b.NextOperation()
	// One namespace that the user has no right to does not bring the others down.
	c := startNode(t, s, user)
	chat, root := redistest.OpenNode(t, c, "/chat"), redistest.OpenNode(t, c, "/")
	if _, err := chat.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	root.WaitNodes(3)
	a.Emit("y")
	root.NextOperation()
	// What was refused is tried again after a while, not whenever something changes.
	s.Command("ACL", "SETUSER", "sio", "&socket.io#/chat#*", "&socket.io#/more#*")
	redistest.OpenNode(t, c, "/more").WaitNodes(1)
	if _, err := chat.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("tried again at once: %v", err)
	}
	if state := c.State(); !state.Connected || !strings.Contains(state.Error, "namespace /chat: NOPERM") {
		t.Errorf("%+v", state)
	}
	connectionOf(chat).retryRefused()
	chat.WaitNodes(1)
}

// TestManyNamespaces opens and closes as many as a hub may have.
func TestManyNamespaces(t *testing.T) {
	const n = 5000
	s := redistest.Start(t)
	c := startNode(t, s)
	nodes := make([]*redistest.Node, n)
	for i := range nodes {
		nodes[i] = redistest.OpenNode(t, c, fmt.Sprint("/", i))
	}
	for _, i := range []int{0, n / 2, n - 1} {
		nodes[i].WaitNodes(1)
	}
	s.Command("CLIENT", "KILL", "TYPE", "pubsub")
	for _, i := range []int{n - 1, n / 2, 0} {
		nodes[i].WaitNodes(1)
	}
	for _, node := range nodes {
		node.Adapter.Close()
	}
	redistest.Eventually(t, "all are left", func() bool { return s.Command("PUBSUB", "NUMPAT") == ":0" })
}
