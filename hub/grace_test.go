package hub_test

import (
	"context"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// Events that a client sends before it disconnects are handled.
func TestEventsBeforeDisconnectAreHandled(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	began, release, said := make(chan bool), make(chan bool), make(chan string, 10)
	ns.On("*", hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
		if ev.Name == "first" {
			began <- true
			<-release
		}
		said <- ev.Name
		return ctx.Err()
	}))
	gone := make(chan string, 1)
	ns.On("disconnecting", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		gone <- ev.Reason
		return nil
	}))
	c, _ := joinNamespace(t, url, "/", "")
	for _, event := range []string{`42["first"]`, `42["second"]`, `42["third"]`, "41"} {
		c.sendPacket(event)
	}
	receiveWithin(t, began)
	c.joinNamespace("/", "") // the server has read the disconnect packet by now
	close(release)
	for _, want := range []string{"first", "second", "third", hub.ReasonClientDisconnect} {
		from := said
		if want == hub.ReasonClientDisconnect {
			from = gone
		}
		if got := receiveWithin(t, from); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The context of an event that takes long is canceled after its socket disconnected.
func TestContextOfLongEventIsCanceledAfterDisconnect(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	began, ended := make(chan bool, 10), make(chan error, 10)
	ns.On("long", hub.HandlerFunc(func(ctx context.Context, _ *hub.Event) error {
		began <- true
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}))
	gone := make(chan error, 1)
	ns.On("disconnect", hub.HandlerFunc(func(ctx context.Context, _ *hub.Event) error {
		gone <- ctx.Err()
		return nil
	}))
	for _, leave := range []func(c *client){
		func(c *client) { c.sendPacket("41") },
		func(c *client) { c.conn.Close() },
		func(*client) { _, _ = ns.All().DisconnectSockets(false) },
	} {
		c, _ := joinNamespace(t, url, "/", "")
		c.sendPacket(`42["long"]`)
		c.sendPacket(`42["long"]`)
		receiveWithin(t, began)
		leave(c)
		if err := receiveWithin(t, ended); err != context.Canceled {
			t.Errorf("got %v, want the context to be canceled", err)
		}
		if err := receiveWithin(t, gone); err != nil {
			t.Errorf("the context of the disconnect event: %v", err)
		}
		if len(began) > 0 {
			t.Error("an event behind the long one was handled")
		}
	}
}
