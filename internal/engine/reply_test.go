package engine_test

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

// newReplyServer serves sessions over TCP whose receivers reply to each message, after
// reply was called for it.
func newReplyServer(t *testing.T, c engine.Config, reply func(*engine.Session, string)) *testServer {
	t.Helper()
	w := newTestServer(t, c, noOptions())
	w.accept = func(p *testReceiver) error {
		p.onText = func(p *testReceiver, text string) error {
			if reply != nil {
				reply(p.session, text)
			}
			p.session.SendReply(newText("reply " + text))
			return nil
		}
		return nil
	}
	serveTCP(t, w)
	return w
}

// TestRepliesComeInOrder mixes replies with other messages: of the receiver, and of another
// goroutine that sends all the time.
func TestRepliesComeInOrder(t *testing.T) {
	const count = 300
	w := newReplyServer(t, testConfig(), func(s *engine.Session, text string) {
		s.SendReply(newText("first " + text))
		s.Send(newText("second " + text))
	})
	for _, pipelined := range []bool{false, true} {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		s := w.lastReceiver().session
		stop, others := make(chan struct{}), sync.WaitGroup{}
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.SendVolatile(newText("other"))
				}
			}
		})
		read := func(i int) {
			for _, want := range []string{"4first ", "4second ", "4reply "} {
				got := c.readMessage()
				for got == "4other" {
					got = c.readMessage()
				}
				if got != want+strconv.Itoa(i) {
					t.Fatalf("got %q, want %q", got, want+strconv.Itoa(i))
				}
			}
		}
		for i := range count {
			c.sendText("4" + strconv.Itoa(i))
			if !pipelined {
				read(i)
			}
		}
		for i := range count {
			if pipelined {
				read(i)
			}
		}
		close(stop)
		others.Wait()
	}
}

// TestReplyIsWrittenWhileMoreIsRead sends a message and the beginning of the next one at
// once: the reply must not wait for the rest.
func TestReplyIsWrittenWhileMoreIsRead(t *testing.T) {
	w := newReplyServer(t, testConfig(), nil)
	c, in := w.dialRaw("EIO=4", "", "")
	frame := string([]byte{0x81, 0x80 | 2, 0, 0, 0, 0}) + "4a"
	if _, err := io.WriteString(c, frame+frame[:7]); err != nil {
		t.Fatal(err)
	}
	const want = "4reply a"
	var got strings.Builder
	for !strings.HasSuffix(got.String(), want) {
		b, err := in.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		got.WriteByte(b)
	}
}

// TestRepliesToClientThatDoesNotReadAreBounded sends messages without reading the replies:
// the session closes when more than [engine.Config.MaxQueue] waits, and no goroutine waits
// for the client.
func TestRepliesToClientThatDoesNotReadAreBounded(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 100_000
	big := strings.Repeat("x", 10_000)
	w := newReplyServer(t, c, func(s *engine.Session, _ string) {
		for range 10 {
			s.SendReply(newText(big))
		}
	})
	client := w.dialWebSocket("EIO=4")
	client.wantOpenPacket()
	s := w.lastReceiver().session
	for {
		select {
		case <-s.Done():
		default:
			_ = client.WriteMessage(websocket.TextMessage, []byte("4x")) // fails once it is closed
			continue
		}
		break
	}
	if n := w.server.Stats().SlowClients; n != 1 {
		t.Errorf("%d clients were closed as slow", n)
	}
}

// TestReplyAfterTheCallIsSent replies from another goroutine, after the receiver has returned.
func TestReplyAfterTheCallIsSent(t *testing.T) {
	w := newTestServer(t, testConfig(), noOptions())
	w.accept = func(p *testReceiver) error {
		p.onText = func(*testReceiver, string) error { return nil }
		return nil
	}
	serveTCP(t, w)
	c := w.dialWebSocket("EIO=4")
	c.wantOpenPacket()
	c.sendText("4a")
	w.lastReceiver().session.SendReply(newText("late"))
	c.wantMessages("4late")
}

// TestReplyToPost replies over polling, where there is no reader.
func TestReplyToPost(t *testing.T) {
	w := newReplyServer(t, testConfig(), nil)
	q := w.openPolling("EIO=4")
	w.wantResponse("POST", q, "4a", 200, "ok")
	w.wantResponse("GET", q, "", 200, "4reply a")
}
