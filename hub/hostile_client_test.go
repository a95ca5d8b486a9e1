package hub_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// A client of Socket.IO 2 that sends two connect packets for a namespace while "/" is
// connecting gets one socket.
func TestAskedTwiceWhileWaiting(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	chat := h.Of("/chat")
	answerSync(chat)
	c := dial(t, url, "3")
	c.send("40/chat")
	c.send("40/chat")
	c.send("2")
	c.want("3") // the server has taken both
	close(release)
	c.want("40")
	c.want("40/chat,")
	c.sync("/chat")
	if n := chat.Len(); n != 1 {
		t.Errorf("%d sockets of one client in one namespace", n)
	}
}

// Attachments of a client that is not connected are not awaited: their timeout would
// replace the connect timeout.
func TestBinaryBeforeConnected(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	defer close(release)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	c := dial(t, url, "4")
	c.send("40")
	c.send(`451-["x",{"_placeholder":true,"num":0}]`)
	c.wantClosed()
}

// The auth objects of a connection's sockets are bounded together.
func TestAuthIsBounded(t *testing.T) {
	h, url := newHub(t)
	c := dial(t, url, "4")
	auth := `{"x":"` + strings.Repeat("x", hub.MaxAuth/2) + `"}`
	for i := range 2 {
		name := "/" + strconv.Itoa(i)
		h.Of(name)
		c.send("40" + name + "," + auth)
		got := c.read()
		if ok := i == 0; strings.HasPrefix(got, "40") != ok {
			t.Errorf("namespace %d: %s", i, got)
		}
	}
}

// The held connect packets of a client of Socket.IO 2 are bounded by MaxAuth.
func TestWaitingIsBounded(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	h.Of("/a")
	c := dial(t, url, "3")
	query := "?x=" + strings.Repeat("x", hub.MaxAuth*2/3)
	c.send("40/a" + query)
	c.send("40/b" + query)
	c.want(`44/b,"Auth is too large"`)
	for i := range hub.MaxNamespaces {
		c.send("40/" + strconv.Itoa(i))
	}
	c.want(`44/63,"Too many namespaces"`)
	close(release)
	c.want("40")
	c.want("40/a,")
}

func TestTooManyRooms(t *testing.T) {
	h, url := newHub(t)
	h.Of("/").On("join", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		names := make([]string, hub.MaxRooms)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return ev.Socket.Join(names...)
	}))
	c, _ := join(t, url, "/", "")
	c.send(`421["join"]`)
	c.want(`431[{"error":"too many rooms"}]`)
}

// A value that is kept of an event keeps no other part of the event in memory.
func TestSetCopies(t *testing.T) {
	h, url := newHub(t)
	_, id := join(t, url, "/", "")
	s, _ := h.Of("/").Socket(id)
	event := []byte(`["kept","` + strings.Repeat("x", 100) + `"]`)
	kept := sio.Data{JSON: event[1:7]}
	if err := s.Set("key", kept); err != nil {
		t.Fatal(err)
	}
	clear(event)
	if got := string(s.Data().JSON); got != `{"key":"kept"}` {
		t.Error(got)
	}
}
