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
)

// pipe is a listener for one connection in memory, which fake time needs.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error   { return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }

// slowLink is a client's connection over which messages of more than 4 KiB take a second
// for each 2 KiB.
type slowLink struct{ net.Conn }

func (l slowLink) Write(p []byte) (n int, err error) {
	for err == nil && len(p)-n > 4<<10 {
		time.Sleep(time.Second)
		var part int
		part, err = l.Conn.Write(p[n : n+2<<10])
		n += part
	}
	if err == nil {
		var part int
		part, err = l.Conn.Write(p[n:])
		n += part
	}
	return n, err
}

// runInFakeTime runs a test with a WebSocket that replies to every ping. send writes to the
// WebSocket, and ended is closed when the server has closed it.
func runInFakeTime(t *testing.T, test func(t *testing.T, send func(kind int, data string), ended <-chan struct{})) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		h.Of("/")
		l := make(pipe, 1)
		server := &http.Server{Handler: h}
		go server.Serve(l)
		client, far := net.Pipe()
		l <- far
		dialer := websocket.Dialer{
			NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return slowLink{client}, nil },
			WriteBufferSize: 1 << 20, // one write for each message
		}
		conn, _, err := dialer.Dial("ws://pipe/socket.io/?transport=websocket&EIO=4", nil)
		if err != nil {
			t.Fatal(err)
		}
		writing := make(chan struct{}, 1) // in a bubble, a mutex would stop the time
		send := func(kind int, data string) {
			writing <- struct{}{}
			defer func() { <-writing }()
			_ = conn.WriteMessage(kind, []byte(data)) // the reader sees that it is closed
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				_, data, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if string(data) == "2" {
					go send(websocket.TextMessage, "3") // a slow message may be under way
				}
			}
		}()
		defer func() {
			conn.Close()
			<-ended
			h.Close()
			close(l)
			server.Close()
		}()
		test(t, send, ended)
	})
}

func TestConnectTimeoutClosesConnection(t *testing.T) {
	runInFakeTime(t, func(t *testing.T, _ func(int, string), ended <-chan struct{}) {
		began := time.Now()
		<-ended
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// A packet that announces attachments is not kept for ever.
func TestAttachmentsTimeoutClosesConnection(t *testing.T) {
	runInFakeTime(t, func(t *testing.T, send func(int, string), ended <-chan struct{}) {
		const packet = `452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
		send(websocket.TextMessage, "40")
		synctest.Wait()
		send(websocket.TextMessage, packet)
		send(websocket.BinaryMessage, "one")
		time.Sleep(29 * time.Second)
		send(websocket.BinaryMessage, "two") // in time
		time.Sleep(time.Hour)
		select {
		case <-ended:
			t.Fatal("closed although all came in time")
		default:
		}

		send(websocket.TextMessage, packet)
		send(websocket.BinaryMessage, "one")
		began := time.Now()
		<-ended
		if d := time.Since(began); d != 30*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// TestAttachmentsOverSlowNetwork sends attachments that take longer than the timeout, and
// then one that stalls.
func TestAttachmentsOverSlowNetwork(t *testing.T) {
	runInFakeTime(t, func(t *testing.T, send func(int, string), ended <-chan struct{}) {
		const packet = `452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
		image := strings.Repeat("x", 150<<10)
		send(websocket.TextMessage, "40")
		synctest.Wait()
		began := time.Now()
		send(websocket.TextMessage, packet)
		send(websocket.BinaryMessage, image)
		send(websocket.BinaryMessage, image)
		if d := time.Since(began); d < time.Minute {
			t.Fatalf("the attachments took %v", d)
		}
		time.Sleep(time.Hour)
		select {
		case <-ended:
			t.Fatal("closed although both came fast enough")
		default:
		}

		send(websocket.TextMessage, packet)
		send(websocket.BinaryMessage, image)
		began = time.Now()
		<-ended
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}
