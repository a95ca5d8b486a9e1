package faults_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// during is the number of events that each node emits while a fault lasts.
const during = 50

// redisFault is a fault of a Redis.
type redisFault struct {
	name  string
	begin func()
	// end ends the fault. It may wait for links that are down, so that they notice the fault.
	end func(pairs []*pair)
	// lost is the largest number of events that clients of the other node lack, by adapter: they
	// lack at least one. By default they lack none.
	lost map[string]int
	// breaks tells that connections break. Events on their way then may be lost as well, as many
	// as the node counts as dropped.
	breaks bool
}

// TestRedisFaults lets a Redis fail in one way after another, with a cluster for each adapter.
// The clients of a node receive its events at once all the time. The clients of the other node
// receive them in order and once: all of them, unless the Redis refused them.
func TestRedisFaults(t *testing.T) {
	s := redistest.Start(t)
	redis := redistest.StartProxy(t, s)
	addUser := func() {
		if got := s.Command("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all"); got != "+OK" {
			t.Skip("no access control lists: ", got)
		}
	}
	addUser()
	pairs := startPairs(t, "redis://app:secret@"+redis.Address(), "required")
	for _, fault := range listRedisFaults(t, s, redis, addUser) {
		t.Run(strings.ReplaceAll(fault.name, " ", "_"), func(t *testing.T) {
			testRedisFault(t, pairs, fault)
			for _, c := range pairs {
				c.wantReady(http.StatusOK, `{"ready":true,"reasons":[]}`)
			}
		})
	}
}

// listRedisFaults returns the ways in which a Redis fails. addUser makes the user of the nodes
// again.
func listRedisFaults(t *testing.T, s *redistest.Server, redis *redistest.Proxy, addUser func()) []redisFault {
	clients := fullRedis{s: s}
	return []redisFault{
		{
			name:  "none",
			begin: func() {},
			end:   func([]*pair) {},
		},
		{
			name:   "killed",
			begin:  s.Stop,
			end:    func(pairs []*pair) { awaitDown(pairs); s.Start(); addUser() },
			breaks: true,
		},
		{
			name:  "frozen",
			begin: func() { s.Signal(syscall.SIGSTOP) },
			end:   func(pairs []*pair) { awaitDown(pairs); s.Signal(syscall.SIGCONT) },
		},
		{
			name:  "slow",
			begin: func() { redis.DelayBytes(150 * time.Millisecond) },
			end:   func(pairs []*pair) { pairs[0].awaitJoined(); redis.DelayBytes(0) },
		},
		{
			name:   "full of clients",
			begin:  func() { clients.refuse(t) },
			end:    func(pairs []*pair) { awaitDown(pairs); clients.accept(t) },
			breaks: true,
		},
		{
			name:   "user disabled",
			begin:  func() { s.Command("ACL", "SETUSER", "app", "off"); s.Command("CLIENT", "KILL", "USER", "app") },
			end:    func(pairs []*pair) { awaitDown(pairs); addUser() },
			breaks: true,
		},
		{
			name:  "publish forbidden",
			begin: func() { s.Command("ACL", "SETUSER", "app", "-publish", "-spublish") },
			end:   func([]*pair) { addUser() },
			lost:  map[string]int{"redis": during, "sharded": during},
		},
		{
			name:  "out of memory",
			begin: func() { s.Command("CONFIG", "SET", "maxmemory", "1") },
			end:   func([]*pair) { s.Command("CONFIG", "SET", "maxmemory", "0") },
			lost:  map[string]int{"redis_streams": during},
		},
	}
}

// awaitDown waits until the nodes have no connection, and are not ready.
func awaitDown(pairs []*pair) {
	for _, c := range pairs {
		c.awaitLinks(0)
		c.wantReady(http.StatusServiceUnavailable, `{"ready":false,"reasons":["cluster"]}`)
	}
}

// wantReady checks the reply of both nodes to the readiness check.
func (c *pair) wantReady(status int, body string) {
	c.t.Helper()
	for i, p := range c.nodes {
		if got, text := p.requestAdmin(c.t, "GET", "/socketio/health/ready", "", ""); got != status || strings.TrimSpace(text) != body {
			c.t.Errorf("%s: readiness of node %d: got %d %s, want %d %s", c.adapter, i, got, text, status, body)
		}
	}
}

// testRedisFault emits before, during and after a fault, and compares what all clients received.
func testRedisFault(t *testing.T, pairs []*pair, fault redisFault) {
	for _, c := range pairs {
		c.t = t
		c.sendEvents(10)
		c.awaitJoined() // nothing is on its way when the fault begins
	}
	fault.begin()
	for _, c := range pairs {
		c.sendEvents(during)
		c.awaitDropped(fault.lost[c.adapter])
	}
	fault.end(pairs)
	for _, c := range pairs {
		c.awaitJoined()
		c.awaitLinks(1)
		lost, dropped := c.compareClients()
		for i, p := range c.nodes {
			most := fault.lost[c.adapter]
			least := min(most, 1) // the last ones may reach Redis when the fault has ended
			if fault.breaks {
				most += dropped[i]
			}
			if lost[i] < least || lost[i] > most {
				t.Errorf("%s: clients of the other node lack %d events of node %d, want %d to %d", c.adapter, lost[i], i, least, most)
			}
			if n := p.log.countLines("publishing to other nodes failed"); n > 20 {
				t.Errorf("%s: node %d has logged %d failures", c.adapter, i, n)
			}
		}
	}
}

// fullRedis makes a Redis refuse connections, by its option maxclients.
type fullRedis struct {
	s    *redistest.Server
	conn net.Conn // open meanwhile, to undo it
}

func (f *fullRedis) refuse(t *testing.T) {
	t.Helper()
	var err error
	if f.conn, err = net.Dial("tcp", f.s.Address()); err != nil {
		t.Fatal(err)
	}
	f.command(t, "CONFIG SET maxclients 1")
	f.command(t, "CLIENT KILL TYPE pubsub")
	f.command(t, "CLIENT KILL USER app")
}

func (f *fullRedis) accept(t *testing.T) {
	t.Helper()
	f.command(t, "CONFIG SET maxclients 1000")
	f.conn.Close()
}

// command sends a command and waits for its reply.
func (f *fullRedis) command(t *testing.T, line string) {
	t.Helper()
	reply := make([]byte, 100)
	_, _ = io.WriteString(f.conn, line+"\r\n")
	if n, err := f.conn.Read(reply); err != nil || reply[0] == '-' {
		t.Fatalf("%s: %s %v", line, reply[:n], err)
	}
}

// TestRedisFailover kills a master under sentinels. The nodes follow to the replica, and clients
// miss at most the events that the nodes count as dropped.
func TestRedisFailover(t *testing.T) {
	// Without this option a master waits five seconds for further replicas.
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	// A sentinel requests replicas from its master at once, then every ten seconds.
	redistest.Eventually(t, "the master knows the replica", func() bool { return strings.Contains(master.Info("slave0"), "state=online") })
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 1000\n", master.Port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := redistest.StartSentinel(t, config)
	redistest.Eventually(t, "the sentinel knows the replica", func() bool { return strings.Contains(sentinel.Info("master0"), "slaves=1") })

	pairs := startPairs(t, "redis://"+sentinel.Address(), "sentinel main")
	testRedisFault(t, pairs, redisFault{
		breaks: true,
		begin:  master.Stop,
		end: func([]*pair) {
			redistest.Eventually(t, "failover", func() bool { return replica.Info("role") == "master" })
		},
	})
}
