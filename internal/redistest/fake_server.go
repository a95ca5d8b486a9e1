package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// FakeServer is a Redis whose replies the test chooses.
type FakeServer struct {
	*Server

	replyTo      func(n int, args []string, good string) string
	commandCount atomic.Int64
	conns        sync.WaitGroup
}

// StartFake starts a server that calls reply for every command, from any goroutine. The
// arguments are the number of the command, its words, and the reply of an empty Redis. The
// server stops at the end of the test.
func StartFake(t testing.TB, reply func(n int, args []string, good string) string) *FakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &FakeServer{Server: &Server{t: t, Port: l.Addr().(*net.TCPAddr).Port}, replyTo: reply}
	var mu sync.Mutex // guards open and closed
	open, closed := make(map[net.Conn]struct{}), false
	f.conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if open[conn] = struct{}{}; closed {
				conn.Close()
			}
			mu.Unlock()
			f.conns.Go(func() { f.serveConn(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		closed = true
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		f.conns.Wait()
	})
	return f
}

// serveConn replies to the commands of one connection.
func (f *FakeServer) serveConn(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		n := int(f.commandCount.Add(1)) - 1
		if _, err := io.WriteString(conn, f.replyTo(n, args, f.defaultReply(args))); err != nil {
			return
		}
	}
}

// readCommand reads the words of a command.
func readCommand(in *bufio.Reader) (args []string, err error) {
	count, err := readLength(in)
	for range count {
		size, err := readLength(in)
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		args = append(args, string(text[:size]))
	}
	return args, err
}

// readLength reads the number in the header of a list or string.
func readLength(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// defaultReply returns the reply of an empty Redis, or of a sentinel that monitors this
// server.
func (f *FakeServer) defaultReply(args []string) string {
	var b strings.Builder
	switch name := strings.ToUpper(args[0]); name {
	case "HELLO":
		return "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto\r\n:3\r\n"
	case "CLIENT":
		return "+OK\r\n"
	case "CLUSTER":
		return "-ERR This instance has cluster support disabled\r\n"
	case "PING":
		return "+PONG\r\n"
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		for i, channel := range args[1:] {
			fmt.Fprintf(&b, ">3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:%d\r\n", len(name), strings.ToLower(name), len(channel), channel, i+1)
		}
		return b.String()
	case "PUBSUB":
		for _, channel := range args[2:] {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n:2\r\n", len(channel), channel)
		}
		return fmt.Sprintf("*%d\r\n", 2*len(args[2:])) + b.String()
	case "PUBLISH", "SPUBLISH":
		return ":1\r\n"
	case "ROLE":
		return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
	case "SENTINEL":
		if strings.ToUpper(args[1]) != "GET-MASTER-ADDR-BY-NAME" {
			return "*0\r\n"
		}
		port := strconv.Itoa(f.Port)
		return fmt.Sprintf("*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len(port), port)
	case "XADD":
		return "$3\r\n1-1\r\n"
	case "XRANGE", "XREVRANGE":
		return "*0\r\n"
	case "GET", "GETDEL":
		return "_\r\n"
	case "PTTL":
		return ":-2\r\n"
	}
	return "" // as for a read that blocks
}
