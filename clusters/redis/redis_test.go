package redis

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// server is a real Redis of the test's own.
type server struct {
	t       testing.TB
	port    int
	first   []string // arguments before all others: a config
	args    []string
	process *exec.Cmd
}

// startRedis starts a Redis on a free port. It ends with the test.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	s := &server{t: t, port: freePort(t), args: args}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) start() {
	s.t.Helper()
	args := append(slices.Clone(s.first), "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	args = append(args, s.args...)
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "Redis accepts connections", func() bool {
		conn, err := net.Dial("tcp", s.address())
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// stop kills the Redis.
func (s *server) stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// command sends a command by a connection of its own, and returns the first line
// of the answer.
func (s *server) command(args ...string) string {
	s.t.Helper()
	line, _ := s.exchange(args...)
	return line
}

// info returns what INFO or CLUSTER INFO say about a name; nothing when they don't.
func (s *server) info(name string) string {
	s.t.Helper()
	for _, args := range [][]string{{"INFO"}, {"CLUSTER", "INFO"}} {
		_, text := s.exchange(args...)
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, name+":"); ok {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// exchange sends a command, and returns the first line of the answer and, of a
// string, the text.
func (s *server) exchange(args ...string) (line, text string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	_, _ = conn.Write(b.Bytes())
	in := bufio.NewReader(conn)
	if line, err = in.ReadString('\n'); err != nil {
		s.t.Fatal(err)
	}
	line = strings.TrimSpace(line)
	if size, err := strconv.Atoi(strings.TrimPrefix(line, "$")); err == nil && line[0] == '$' && size > 0 {
		content := make([]byte, size)
		_, _ = io.ReadFull(in, content)
		text = string(content)
	}
	return line, text
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// process stands for another process: a link of its own, that is.
func process(t testing.TB, s *server, change ...func(*Redis)) cluster.Cluster {
	t.Helper()
	r := Redis{Config: redisconn.Config{URL: "redis://" + s.address()}}
	for _, fn := range change {
		fn(&r)
	}
	settings, err := r.settings()
	if err != nil {
		t.Fatal(err)
	}
	log := zap.NewNop()
	if testing.Verbose() {
		log, _ = zap.NewDevelopment()
	}
	r.link = newLink(settings, log)
	t.Cleanup(r.link.close)
	return r.Cluster(defaultHub)
}

// node is a fake hub: it keeps what it is told, and answers what the test says.
type node struct {
	t       testing.TB
	adapter cluster.Adapter
	told    chan cluster.Op
	answer  func(ctx context.Context, q cluster.Query, reply func(cluster.Answer))

	mu       sync.Mutex // guards busy
	busy     bool
	unserial bool
}

// join opens a namespace.
func join(t testing.TB, c cluster.Cluster, namespace string) *node {
	t.Helper()
	n := &node{t: t, told: make(chan cluster.Op, 2000), answer: func(context.Context, cluster.Query, func(cluster.Answer)) {}}
	var err error
	if n.adapter, err = c.Open(namespace, n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.adapter.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.unserial {
			t.Error("two calls of Apply at the same time")
		}
	})
	return n
}

// Apply implements cluster.Node.
func (n *node) Apply(op cluster.Op) {
	n.mu.Lock()
	n.unserial = n.unserial || n.busy
	n.busy = true
	n.mu.Unlock()
	n.told <- op
	n.mu.Lock()
	n.busy = false
	n.mu.Unlock()
}

// Answer implements cluster.Node.
func (n *node) Answer(ctx context.Context, q cluster.Query, reply func(cluster.Answer)) {
	n.answer(ctx, q, reply)
}

// next returns what the node is told next.
func (n *node) next() cluster.Op {
	n.t.Helper()
	select {
	case op := <-n.told:
		return op
	case <-time.After(patience):
		n.t.Fatal("the node is told nothing")
		return nil
	}
}

func (n *node) nextEmit() cluster.Emit {
	n.t.Helper()
	op := n.next()
	emit, ok := op.(cluster.Emit)
	if !ok {
		n.t.Fatalf("the node is told %+v", op)
	}
	return emit
}

func (n *node) publish(op cluster.Op) {
	n.t.Helper()
	if err := n.adapter.Publish(op); err != nil {
		n.t.Fatal(err)
	}
}

// emit emits an event whose one argument is text.
func (n *node) emit(text string, in ...string) {
	n.t.Helper()
	op := cluster.Emit{Data: event("e", text)}
	op.In = in
	n.publish(op)
}

// together waits until that many nodes are there.
func (n *node) together(count int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("%d nodes are there", count), func() bool {
		got, err := n.adapter.Nodes(n.t.Context())
		return err == nil && got == count
	})
}

func (n *node) ask(q cluster.Query) (answers []cluster.Answer, err error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	err = n.adapter.Ask(ctx, q, func(a cluster.Answer) { answers = append(answers, a) })
	return answers, err
}

func event(name string, args ...any) sio.Data {
	data, err := sio.Marshal(append([]any{name}, args...))
	if err != nil {
		panic(err)
	}
	return data
}

// pair returns nodes of two processes that see each other.
func pair(t testing.TB, s *server, namespace string) (a, b *node) {
	t.Helper()
	a, b = join(t, process(t, s), namespace), join(t, process(t, s), namespace)
	a.together(2)
	b.together(2)
	return a, b
}
