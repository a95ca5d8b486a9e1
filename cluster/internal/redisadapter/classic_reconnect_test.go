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
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// waitEmitsReach waits until emits of a reach b. Earlier ones may be lost: Redis keeps no
// messages for nodes that are not subscribed.
func waitEmitsReach(t testing.TB, a, b *redistest.Node, text string) {
	t.Helper()
	sent := 0
	redistest.Eventually(t, "the emit arrives", func() bool {
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

func TestClassicReconnects(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
	for round := range 3 {
		s.Stop()
		redistest.Eventually(t, "the connection is down", func() bool {
			return !connectionOf(a).describeState().Connected && !connectionOf(b).describeState().Connected
		})
		// No call waits while it is away.
		a.AssertNothingBlocks("lost")
		s.Start()
		a.WaitNodes(2)
		b.WaitNodes(2)
		waitEmitsReach(t, a, b, fmt.Sprint("round ", round))
		waitEmitsReach(t, b, a, fmt.Sprint("round ", round))
		if replies, err := a.Request(cluster.FetchSockets{}); err != nil || len(replies) != 1 {
			t.Errorf("%v, %v", replies, err)
		}
	}
}

// TestClassicSurvivesKilledConnections has Redis close the connections of one kind.
func TestClassicSurvivesKilledConnections(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
	for _, kind := range []string{"pubsub", "normal", "pubsub"} {
		s.Command("CLIENT", "KILL", "TYPE", kind)
		waitEmitsReach(t, a, b, kind)
		waitEmitsReach(t, b, a, kind)
		a.WaitNodes(2)
		b.WaitNodes(2)
	}
}

// TestPublishingKeepsOrderAcrossReconnects kills the publishing connection under load: messages
// arrive in order, and each at most once.
func TestPublishingKeepsOrderAcrossReconnects(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
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

// TestClosedConnectionOpensNothing closes a connection while its Redis does not respond.
func TestClosedConnectionOpensNothing(t *testing.T) {
	a := redistest.OpenNode(t, startNode(t, redistest.StartSilent(t)), "/")
	connectionOf(a).closeConnection()
	if _, err := connectionOf(a).openNamespace(namespaceID{"k", "/"}, a); err == nil {
		t.Error("a closed connection opens a namespace")
	}
}

// TestHangingRedisIsDetected stops a Redis, with its connections open, and continues it.
func TestHangingRedisIsDetected(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
	c, d := openShardedPair(t, s, Dynamic, "room")
	s.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { s.Signal(syscall.SIGCONT) }) // before it is killed
	for _, n := range []*redistest.Node{a, c.Node} {
		for i := range 10_000 { // none of which waits
			n.Emit(strconv.Itoa(i), "room")
		}
	}
	for _, n := range []*redistest.Node{a, b, c.Node, d.Node} {
		redistest.Eventually(t, "the stall is detected", func() bool { return !connectionOf(n).describeState().Connected })
		if _, err := n.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
			t.Errorf("request: %v", err)
		}
	}
	s.Signal(syscall.SIGCONT)
	waitEmitsReach(t, a, b, "again")
	waitEmitsReach(t, b, a, "again")
	c.WaitNodes(2)
	waitSubscribers(t, s, "socket.io#/chat#room#", 2)
	waitEmitsReach(t, c.Node, d.Node, "again")
}

func TestCloseFlushesQueue(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
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

func TestWrongPasswordIsReported(t *testing.T) {
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

// TestMalformedReplyNamesTheAddress connects to a server that is not a Redis.
func TestMalformedReplyNamesTheAddress(t *testing.T) {
	for _, nonsense := range []string{"$-2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", "*99999999\r\n"} {
		f := redistest.StartFake(t, func(int, []string, string) string { return nonsense })
		a := redistest.OpenNode(t, startNode(t, f.Server), "/")
		redistest.Eventually(t, "the state says so", func() bool {
			state := connectionOf(a).describeState()
			return !state.Connected && strings.Contains(state.Error, f.Address())
		})
	}
}

// TestRefusedMessagesAreReported takes the right to publish from a node, and gives it back.
func TestRefusedMessagesAreReported(t *testing.T) {
	s := redistest.Start(t)
	for _, mode := range []Mode{"", Static} {
		a, b := openRoomNode(t, startNode(t, s, inMode(mode)), "/"), openRoomNode(t, startNode(t, s, inMode(mode)), "/")
		a.WaitNodes(2)
		for range 2 {
			s.Command("ACL", "SETUSER", "default", "-publish", "-spublish")
			a.Emit("x")
			redistest.Eventually(t, "the state says so", func() bool {
				state := connectionOf(a.Node).describeState()
				return !state.Connected && strings.Contains(state.Error, "NOPERM") && state.Dropped > 0
			})
			s.Command("ACL", "SETUSER", "default", "+@all")
			a.Emit("y")
			b.NextEmit()
			redistest.Eventually(t, "the connection is up", func() bool {
				state := connectionOf(a.Node).describeState()
				return state.Connected && state.Error == ""
			})
		}
	}
}

// TestClassicPermissions has a user with exactly the documented rights.
func TestClassicPermissions(t *testing.T) {
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
	// Refused namespaces are tried again after a while, not at every change.
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

// TestManyNamespacesResubscribe opens and closes as many namespaces as a hub may have.
func TestManyNamespacesResubscribe(t *testing.T) {
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
