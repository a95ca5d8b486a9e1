package redisadapter

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// channelListener is a subscriber of one channel of Redis.
type channelListener struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func listenToChannel(t *testing.T, s *redistest.Server, channel string) *channelListener {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "SUBSCRIBE %s\r\n", channel)
	sub := &channelListener{t: t, conn: conn, in: bufio.NewReader(conn)}
	for range 6 {
		sub.readLine()
	}
	return sub
}

func (s *channelListener) readLine() string {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(redistest.Timeout))
	line, err := s.in.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// nextMessage returns the next message, which must be one line.
func (s *channelListener) nextMessage() string {
	s.t.Helper()
	for range 6 {
		s.readLine()
	}
	return s.readLine()
}

// TestOlderVersionsAreUnderstood sends the requests of several families of servers.
func TestOlderVersionsAreUnderstood(t *testing.T) {
	s := redistest.Start(t)
	n := redistest.OpenNode(t, startNode(t, s), "/")
	n.WaitNodes(1)
	responses := listenToChannel(t, s, "socket.io-response#/#")
	n.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		switch q := q.(type) {
		case cluster.FetchSockets:
			if len(q.In) == 0 || slices.Contains(q.In, "s1") || slices.Contains(q.In, "r") {
				reply(cluster.Sockets{{ID: "s1", Rooms: []string{"s1", "r"}}})
			}
		case cluster.AllRooms:
			reply(cluster.Rooms{"s1", "r"})
		}
	}
	tests := []struct{ request, applied, response string }{
		// socket.io-redis 5
		{`{"requestid":"1","type":0,"rooms":["r"]}`, ``, `{"requestid":"1","clients":["s1"]}`},
		{`{"requestid":"2","type":0,"rooms":["none"]}`, ``, `{"requestid":"2","clients":[]}`},
		{`{"requestid":"3","type":1,"sid":"s1"}`, ``, `{"requestid":"3","rooms":["s1","r"]}`},
		{`{"requestid":"4","type":1,"sid":"elsewhere"}`, ``, ``},
		{`{"requestid":"5","type":2}`, ``, `{"requestid":"5","rooms":["s1","r"]}`},
		{`{"requestid":"6","type":3,"sid":"s1","room":"z"}`, `cluster.Join{[s1] [] [z]}`, `{"requestid":"6"}`},
		{`{"requestid":"7","type":4,"sid":"s1","room":"z"}`, `cluster.Leave{[s1] [] [z]}`, `{"requestid":"7"}`},
		{`{"requestid":"8","type":3,"sid":"elsewhere","room":"z"}`, ``, ``},
		{`{"requestid":"9","type":5,"data":{"q":1}}`, ``, `{"requestid":"9","data":null}`},
		{`{"requestid":"a","type":6,"sid":"s1","close":true}`, `cluster.Disconnect{[s1] [] true}`, `{"requestid":"a"}`},
		// socket.io-redis 6
		{`{"requestId":"b","type":0,"rooms":["r"]}`, ``, `{"requestId":"b","sockets":["s1"]}`},
		{`{"requestId":"c","type":1}`, ``, `{"requestId":"c","rooms":["s1","r"]}`},
		{`{"requestId":"d","type":2,"sid":"s1","room":"z"}`, `cluster.Join{[s1] [] [z]}`, `{"requestId":"d"}`},
		{`{"requestId":"e","type":3,"sid":"s1","room":5}`, `cluster.Leave{[s1] [] [5]}`, `{"requestId":"e"}`},
		{`{"requestId":"f","type":4,"sid":"s1","close":false}`, `cluster.Disconnect{[s1] [] false}`, `{"requestId":"f"}`},
		{`{"requestId":"g","type":4,"sid":"elsewhere","close":true}`, ``, ``},
		// emitters
		{`{"type":2,"opts":{"rooms":["r1"],"except":["r9"]},"rooms":["a","b"]}`, `cluster.Join{[r1] [r9] [a b]}`, ``},
		{`{"type":2,"opts":{"rooms":[1],"except":null},"rooms":"abc"}`, `cluster.Join{[1] [] [abc]}`, ``},
		{`{"type":4,"opts":{"rooms":[],"except":[]},"close":true}`, `cluster.Disconnect{[] [] true}`, ``},
		{`{"uid":"emitter","type":6,"data":["hey","x",1]}`, `cluster.ServerEmit{["hey","x",1]}`, ``},
		// adapter 8
		{`{"requestId":"h","type":7,"packet":{"type":2,"data":["q"],"nsp":"/"},"opts":{"rooms":[],"flags":{"timeout":1000}}}`, ``, `{"type":8,"requestId":"h","clientCount":0}`},
		{`{"uid":"x","requestId":"j","type":6,"data":["q"]}`, ``, `{"type":6,"requestId":"j","data":null}`},
		{`{"uid":"x","requestId":"k","type":5,"opts":{"rooms":["none"],"except":[]}}`, ``, `{"requestId":"k","sockets":[]}`},
	}
	for _, tt := range tests {
		s.Command("PUBLISH", "socket.io-request#/#", tt.request)
		if tt.applied != "" {
			if got := n.NextOperation(); formatOperation(got) != tt.applied {
				t.Errorf("%s: got %s", tt.request, formatOperation(got))
			}
		}
		if tt.response != "" {
			if got := responses.nextMessage(); got != tt.response {
				t.Errorf("%s: answered %s", tt.request, got)
			}
		}
	}
	if len(n.Applied) > 0 {
		t.Errorf("got more: %v", <-n.Applied)
	}
	if got := connectionOf(n).describeState().Malformed; got != 0 {
		t.Errorf("%d messages not understood", got)
	}
}

// TestAcknowledgementsGoToRequestingNode checks that acknowledgements use a channel to which no
// old server subscribes: they would be malformed for it.
func TestAcknowledgementsGoToRequestingNode(t *testing.T) {
	s := redistest.Start(t)
	n := redistest.OpenNode(t, startNode(t, s), "/")
	n.WaitNodes(1)
	n.OnRequest = func(_ context.Context, _ cluster.Request, reply func(cluster.Reply)) {
		reply(cluster.ClientCount(1))
		reply(cluster.ClientAck{Data: redistest.NewEvent("yes", []byte{1})})
	}
	own, all := listenToChannel(t, s, "socket.io-response#/#asker#"), listenToChannel(t, s, "socket.io-response#/#")
	const request = `{"uid":"asker","requestId":"i","type":7,"packet":{"type":2,"data":["q"],"nsp":"/"},"opts":{"rooms":[],"flags":{"timeout":1000}}}`
	for _, m := range []string{request, toMsgPack(t, request)} {
		s.Command("PUBLISH", "socket.io-request#/#", m)
		if got := own.nextMessage(); got != `{"type":8,"requestId":"i","clientCount":1}` {
			t.Errorf("answered %s", got)
		}
		if got := own.nextMessage(); !strings.Contains(got, "yes") {
			t.Errorf("answered %q", got)
		}
	}
	s.Command("PUBLISH", "socket.io-request#/#", `{"requestid":"1","type":5}`)
	if got := all.nextMessage(); got != `{"requestid":"1","data":null}` {
		t.Errorf("all receive %q", got)
	}
}

func formatOperation(op cluster.Operation) string {
	switch op := op.(type) {
	case cluster.Join:
		return fmt.Sprintf("%T{%v %v %v}", op, op.In, op.Except, op.Rooms)
	case cluster.Leave:
		return fmt.Sprintf("%T{%v %v %v}", op, op.In, op.Except, op.Rooms)
	case cluster.Disconnect:
		return fmt.Sprintf("%T{%v %v %v}", op, op.In, op.Except, op.Close)
	case cluster.ServerEmit:
		return fmt.Sprintf("%T{%s}", op, op.Data)
	}
	return fmt.Sprintf("%+v", op)
}
