package hub_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// guard refuses clients without the password.
type guard struct{}

func (guard) HandleEvent(_ context.Context, ev *hub.Event) error {
	if string(ev.Socket.Handshake().Auth.JSON) == `{"password":"right"}` {
		return nil
	}
	return &hub.ClientError{Message: "wrong password", FailedAttempt: true}
}

// pipeServer serves a hub over connections in memory.
type pipeServer struct {
	t     *testing.T
	conns pipe
}

// dialClient opens a connection. The status is not 101 if it is refused.
func (s *pipeServer) dialClient() (c *client, status int, retryAfter string) {
	s.t.Helper()
	near, far := net.Pipe()
	s.conns <- far
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	conn, response, err := dialer.Dial("ws://pipe/socket.io/?transport=websocket&EIO=4", nil)
	if response == nil {
		s.t.Fatal(err)
	}
	if err != nil {
		near.Close()
		return nil, response.StatusCode, response.Header.Get("Retry-After")
	}
	s.t.Cleanup(func() { conn.Close() })
	c = &client{t: s.t, conn: conn}
	c.readPacket() // the open packet
	return c, response.StatusCode, ""
}

func TestFailedAttemptsAreSlowedAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		r := hub.DefaultRoute()
		r.PerAddress = hub.AddressLimits{MaxFailures: 4, FailureWindow: 4 * time.Minute}
		h := hub.New(hub.Options{Route: &r, Log: zap.New(core)})
		h.Of("/").On("connect", guard{})
		h.Of("/open")
		s := &pipeServer{t, make(pipe, 1)}
		server := &http.Server{Handler: h}
		go server.Serve(s.conns)

		attempt := func(c *client, auth, answer string, delay time.Duration) {
			t.Helper()
			began := time.Now()
			c.sendPacket("40" + auth)
			if got := c.readPacket(); !strings.HasPrefix(got, answer) {
				t.Errorf("got %s, want %s", got, answer)
			}
			if took := time.Since(began); took.Round(time.Second) != delay {
				t.Errorf("%s after %s, want %s", answer, took, delay)
			}
		}
		const wrong = `44{"message":"wrong password"}`
		c, _, _ := s.dialClient()
		attempt(c, "", wrong, 0)
		attempt(c, "", wrong, 0)
		other, _, _ := s.dialClient()
		attempt(other, `{"password":"right"}`, `40{"sid":`, 0) // makes up for none
		attempt(c, "", wrong, 3*time.Second)
		idle, _, _ := s.dialClient()
		attempt(c, "", wrong, 5*time.Second)

		if _, status, retry := s.dialClient(); status != http.StatusTooManyRequests || retry != "53" {
			t.Errorf("a handshake got status %d, Retry-After %q", status, retry)
		}
		attempt(idle, `{"password":"right"}`, `44{"message":"Too many failed attempts"}`, 0)
		attempt(idle, "/open,", `40/open,{"sid":`, 0)
		if st := h.Stats(); st.FailedAttempts != 4 || st.AddressRefused["failures"] != 2 {
			t.Errorf("counted %d failures, %v", st.FailedAttempts, st.AddressRefused)
		}
		if all := logs.All(); len(all) != 1 || all[0].ContextMap()["failures"] != int64(4) {
			t.Errorf("logged %v", all)
		}
		time.Sleep(time.Minute)
		last, _, _ := s.dialClient()
		attempt(last, `{"password":"right"}`, `40{"sid":`, 0)

		// A client that goes away does not wait for its connect error.
		last.sendPacket("41")
		last.sendPacket("40")
		synctest.Wait()
		began := time.Now()
		last.conn.Close()
		h.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("the hub closed after %s", took)
		}
		close(s.conns)
		server.Close()
	})
}

// A client has an account in one namespace, and guesses the password of another one.
func TestAccountDoesNotHelpToGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := hub.DefaultRoute()
		r.PerAddress = hub.AddressLimits{MaxFailures: 4, FailureWindow: 4 * time.Minute}
		h := hub.New(hub.Options{Route: &r})
		h.Of("/chat").On("connect", guard{})
		h.Of("/admin").On("connect", guard{})
		s := &pipeServer{t, make(pipe, 1)}
		server := &http.Server{Handler: h}
		go server.Serve(s.conns)

		c, _, _ := s.dialClient()
		checked, refused := 0, 0
		for range 20 {
			c.sendPacket(`40/chat,{"password":"right"}`)
			if got := c.readPacket(); strings.HasPrefix(got, "40/chat,") {
				c.sendPacket("41/chat,")
			}
			c.sendPacket(`40/admin,{"password":"guess"}`)
			switch got := c.readPacket(); got {
			case `44/admin,{"message":"wrong password"}`:
				checked++
			case `44/admin,{"message":"Too many failed attempts"}`:
				refused++
			default:
				t.Fatalf("got %s", got)
			}
		}
		if checked != 4 || refused != 16 {
			t.Errorf("%d guesses were checked and %d refused, want 4 and 16", checked, refused)
		}
		closePipes(h, s, server)
	})
}

// Many clients share an address: their mistakes are fewer than the limit.
func TestFewMistakesOfManyClientsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := hub.DefaultRoute()
		r.PerAddress = hub.AddressLimits{MaxFailures: 10, FailureWindow: time.Minute}
		h := hub.New(hub.Options{Route: &r})
		h.Of("/").On("connect", guard{})
		s := &pipeServer{t, make(pipe, 1)}
		server := &http.Server{Handler: h}
		go server.Serve(s.conns)
		for i := range 200 {
			c, status, _ := s.dialClient()
			if c == nil {
				t.Fatalf("client %d: status %d", i, status)
			}
			if i%40 == 0 {
				c.sendPacket("40")
				if got := c.readPacket(); got != `44{"message":"wrong password"}` {
					t.Fatalf("client %d: got %s", i, got)
				}
			}
			c.sendPacket(`40{"password":"right"}`)
			if got := c.readPacket(); !strings.HasPrefix(got, `40{"sid":`) {
				t.Fatalf("client %d: got %s", i, got)
			}
		}
		closePipes(h, s, server)
	})
}

// closePipes closes a hub and its server.
func closePipes(h *hub.Hub, s *pipeServer, server *http.Server) {
	h.Close()
	close(s.conns)
	server.Close()
}
