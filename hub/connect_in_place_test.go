package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// A connect event is handled where its packet was read if no handler of it may wait, and if
// no lost socket may have to be awaited.
func TestOnlyConnectsThatNeverWaitAreHandledInPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		recovery time.Duration
		listen   bool
		inPlace  bool
	}{
		"never waits":       {inPlace: true},
		"listener may wait": {listen: true},
		"with recovery":     {recovery: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := newRouteConfig("a", "/chat")
			route.Recovery = test.recovery
			places := make(chan bool, 1)
			s := newSite(t, hub.Config{Routes: []hub.RouteConfig{route}, Namespaces: []hub.NamespaceConfig{{
				Name: "/chat", Rules: []hub.Rule{newQuickRule("connect", func(*hub.Event) error {
					places <- isOnReader()
					return nil
				})},
			}}})
			if test.listen {
				s.Of("/chat").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { return nil }))
			}
			joinNamespace(t, s.url+"/0/", "/chat", "")
			if got := receiveWithin(t, places); got != test.inPlace {
				t.Errorf("in place: %v, want %v", got, test.inPlace)
			}
		})
	}
}

// Handlers of connects that run on the reader may emit, join, disconnect, refuse and panic.
func TestConnectsInPlaceDoWhatOthersDo(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	h.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: []hub.Rule{newQuickRule("connect", func(ev *hub.Event) error {
		if !isOnReader() {
			return errors.New("not on the reader")
		}
		switch auth := string(ev.Socket.Handshake().Auth.JSON); {
		case strings.Contains(auth, "emit"):
			if err := ev.Socket.Join("lobby"); err != nil {
				return err
			}
			return ev.ToSender().Emit("joined")
		case strings.Contains(auth, "disconnect"):
			ev.Socket.Disconnect(false)
		case strings.Contains(auth, "refuse"):
			return &hub.ClientError{Message: "no"}
		case strings.Contains(auth, "panic"):
			panic("boom")
		}
		return nil
	})}}}})
	for do, want := range map[string][]string{
		"emit":       {`40{`, `42["joined"]`},
		"disconnect": {`40{`, `41`},
		"refuse":     {`44{"message":"no"}`},
	} {
		c := dialClient(t, url, "4")
		c.sendPacket(`40{"do":"` + do + `"}`)
		for _, part := range want {
			if got := c.readPacket(); !strings.HasPrefix(got, part) {
				t.Errorf("%s: got %s, want %s", do, got, part)
			}
		}
	}
	c := dialClient(t, url, "4")
	c.sendPacket(`40{"do":"panic"}`)
	c.wantClosed()
	handleSync(h.Of("/"))
	other, _ := joinNamespace(t, url, "/", "")
	other.syncEvents("/")
}
