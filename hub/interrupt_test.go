package hub_test

import (
	"context"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// An event of the client ends the context of a handler before its turn comes.
func TestInterruptEndsContextOnArrival(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	causes := make(chan error, 1)
	waiting := make(chan struct{}, 1)
	ns.On("work", hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
		ctx, end := ev.WithInterrupt(ctx, "stop", "halt *")
		defer end()
		disconnecting := ev.Disconnecting()
		waiting <- struct{}{}
		select {
		case <-ctx.Done():
		case <-disconnecting:
		}
		cause := context.Cause(ctx)
		if cause != hub.ErrInterrupted { // of a socket that disconnects, both end
			<-disconnecting
			cause = hub.ErrDisconnected
		}
		causes <- cause
		return nil
	}))
	ns.On("stop", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ev.Ack("stopped") }))
	c, _ := joinNamespace(t, url, "/", "")
	for _, event := range []string{"stop", "halt now"} {
		c.sendPacket(`42["work"]`)
		receiveWithin(t, waiting)
		c.sendPacket(`42["other"]`)
		c.sendPacket(`427["` + event + `"]`)
		if cause := receiveWithin(t, causes); cause != hub.ErrInterrupted {
			t.Errorf("%s: got %v", event, cause)
		}
		if event == "stop" {
			c.wantPacket(`437["stopped"]`)
		}
	}
	c.sendPacket(`42["stop"]`) // nothing to interrupt
	c.sendPacket(`42["work"]`)
	receiveWithin(t, waiting)
	c.conn.Close()
	if cause := receiveWithin(t, causes); cause != hub.ErrDisconnected {
		t.Errorf("got %v", cause)
	}
}

// Of an event without a socket there is nothing to wait for.
func TestEventWithoutSocketHasNoInterrupt(t *testing.T) {
	ev := &hub.Event{Type: hub.Every}
	ctx, end := ev.WithInterrupt(t.Context(), "stop")
	if ev.Disconnecting() != nil || ev.AwaitQueue(ctx) != nil || ctx.Err() != nil {
		t.Error("the event is bound to a client")
	}
	if end(); ctx.Err() == nil {
		t.Error("the context did not end")
	}
}
