package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// Timeout is the longest wait of a test for one condition.
const Timeout = time.Minute

// shortNodeTimeout is how long a member of a Redis Cluster waits for another one's reply.
const shortNodeTimeout = time.Second

// Server is a real Redis for one test.
type Server struct {
	// Port is its port on 127.0.0.1.
	Port int

	t       testing.TB
	first   []string // arguments before all others: a config
	args    []string
	process *exec.Cmd
}

// Start starts a Redis on a free port, until the end of the test. With -short it skips it.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts a Redis")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	return startServer(t, nil, args)
}

// StartSentinel starts a sentinel with a config file, until the end of the test.
func StartSentinel(t testing.TB, config string) *Server {
	t.Helper()
	return startServer(t, []string{config, "--sentinel"}, nil)
}

// startServer starts a Redis with arguments, until the end of the test.
func startServer(t testing.TB, first, args []string) *Server {
	t.Helper()
	s := &Server{t: t, Port: freeport.Choose(), first: first, args: args}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts the Redis again after Stop.
func (s *Server) Start() {
	s.t.Helper()
	args := append(slices.Clone(s.first), "--port", fmt.Sprint(s.Port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	args = append(args, s.args...)
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	Eventually(s.t, "Redis accepts connections", func() bool {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// Stop kills the Redis.
func (s *Server) Stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// Signal sends the Redis a signal.
func (s *Server) Signal(sig os.Signal) {
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Address returns host and port of the Redis.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// Command sends a command on a new connection, and returns the first line of the reply.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	line, _ := s.CommandText(args...)
	return line
}

// Info returns a value of INFO or CLUSTER INFO; nothing if neither has it.
func (s *Server) Info(name string) string {
	s.t.Helper()
	for _, args := range [][]string{{"INFO"}, {"CLUSTER", "INFO"}} {
		_, text := s.CommandText(args...)
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, name+":"); ok {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// CommandText sends a command on a new connection. It returns the first line of the reply
// and, if it is a string, its text.
func (s *Server) CommandText(args ...string) (line, text string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Address())
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

// Eventually waits until ok returns true, at most for Timeout.
func Eventually(t testing.TB, condition string, ok func() bool) {
	t.Helper()
	deadline := time.After(Timeout)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("timeout: %s", condition)
		}
	}
}

// StartClusterMember starts a Redis that can join a Redis Cluster.
func StartClusterMember(t testing.TB) *Server {
	t.Helper()
	// By default the cluster bus uses the port plus 10000, which may be out of range.
	return Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", fmt.Sprint(shortNodeTimeout.Milliseconds()), "--cluster-port", fmt.Sprint(freeport.Choose()))
}

// MeetMember introduces another member to this one.
func (s *Server) MeetMember(other *Server) {
	s.t.Helper()
	s.Command("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(other.Port), other.args[len(other.args)-1])
}

// StartCluster starts a Redis Cluster of three masters. They wait long for each other's replies,
// so that a busy machine does not make one of them fail; see [ExpectFailure].
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	all := []*Server{StartClusterMember(t), StartClusterMember(t), StartClusterMember(t)}
	for i, s := range all {
		s.Command("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*16384/3), fmt.Sprint((i+1)*16384/3-1))
		s.Command("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for _, s := range all[1:] {
		all[0].MeetMember(s)
	}
	for _, s := range all {
		Eventually(t, "the cluster is whole", func() bool {
			return s.Command("SPUBLISH", "x", "y") != "" && s.Info("cluster_state") == "ok" && s.Info("cluster_known_nodes") == "3"
		})
	}
	setNodeTimeout(all, 20*time.Second) // not before: members that have met wait as long until they serve
	return all
}

// ExpectFailure has the members of a Redis Cluster notice within a second that one has ended.
func ExpectFailure(all []*Server) { setNodeTimeout(all, shortNodeTimeout) }

func setNodeTimeout(all []*Server, timeout time.Duration) {
	for _, s := range all {
		s.Command("CONFIG", "SET", "cluster-node-timeout", fmt.Sprint(timeout.Milliseconds()))
	}
}
