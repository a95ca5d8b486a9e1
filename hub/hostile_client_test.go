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
func TestHeldConnectIsHandledOnce(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	chat := h.Of("/chat")
	handleSync(chat)
	c := dialClient(t, url, "3")
	c.sendPacket("40/chat")
	c.sendPacket("40/chat")
	c.sendPacket("2")
	c.wantPacket("3") // the server has read both
	close(release)
	c.wantPacket("40")
	c.wantPacket("40/chat,")
	c.syncEvents("/chat")
	if n := chat.Len(); n != 1 {
		t.Errorf("%d sockets of one client in one namespace", n)
	}
}

// Attachments of a client that is not connected are not awaited: their timeout would
// replace the connect timeout.
func TestAttachmentsBeforeConnectCloseConnection(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	defer close(release)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	c := dialClient(t, url, "4")
	c.sendPacket("40")
	c.sendPacket(`451-["x",{"_placeholder":true,"num":0}]`)
	c.wantClosed()
}

// The auth objects of a connection's sockets are bounded together.
func TestAuthIsBounded(t *testing.T) {
	h, url := newHub(t)
	c := dialClient(t, url, "4")
	auth := `{"x":"` + strings.Repeat("x", hub.MaxAuth/2) + `"}`
	for i := range 2 {
		name := "/" + strconv.Itoa(i)
		h.Of(name)
		c.sendPacket("40" + name + "," + auth)
		got := c.readPacket()
		if ok := i == 0; strings.HasPrefix(got, "40") != ok {
			t.Errorf("namespace %d: %s", i, got)
		}
	}
}

// The held connect packets of a client of Socket.IO 2 are bounded by MaxAuth.
func TestHeldConnectsAreLimitedInSizeAndNumber(t *testing.T) {
	h, url := newHub(t)
	release := make(chan struct{})
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	h.Of("/a")
	c := dialClient(t, url, "3")
	query := "?x=" + strings.Repeat("x", hub.MaxAuth*2/3)
	c.sendPacket("40/a" + query)
	c.sendPacket("40/b" + query)
	c.wantPacket(`44/b,"Auth is too large"`)
	for i := range hub.MaxNamespaces {
		c.sendPacket("40/" + strconv.Itoa(i))
	}
	c.wantPacket(`44/63,"Too many namespaces"`)
	close(release)
	c.wantPacket("40")
	c.wantPacket("40/a,")
}

func TestTooManyRoomsIsError(t *testing.T) {
	h, url := newHub(t)
	h.Of("/").On("join", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		names := make([]string, hub.MaxRooms)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return ev.Socket.Join(names...)
	}))
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`421["join"]`)
	c.wantPacket(`431[{"error":"too many rooms"}]`)
}

// A value that is kept of an event keeps no other part of the event in memory.
func TestSetKeepsNoEventInMemory(t *testing.T) {
	h, url := newHub(t)
	_, id := joinNamespace(t, url, "/", "")
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
