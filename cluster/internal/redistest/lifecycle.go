package redistest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

func (e *Engine) hubsAndNamespacesAreApart(t *testing.T) {
	s := Start(t)
	one, two := e.Process(t, s, Setup{}), e.Process(t, s, Setup{})
	other := e.Other(t, two)
	a, b := Join(t, one, "/"), Join(t, two, "/")
	chat, hub := Join(t, two, "/chat"), Join(t, other, "/")
	a.Together(2)
	hub.Together(1)
	chat.Together(1)
	a.Emit("x")
	b.Next()
	hub.Emit("y")
	chat.Emit("z")
	a.Emit("end")
	if got := b.NextEmit(); got.Data.String() != `["e","end"]` {
		t.Errorf("told %s", got.Data)
	}
	if len(chat.Told) > 0 || len(hub.Told) > 0 || len(a.Told) > 0 {
		t.Error("what is said in one namespace is heard in another")
	}
}

func (e *Engine) openAndCloseAgain(t *testing.T) {
	s := Start(t)
	two := e.Process(t, s, Setup{})
	a, b := Join(t, e.Process(t, s, Setup{}), "/"), Join(t, two, "/")
	a.Together(2)
	again := Join(t, two, "/") // as when a namespace ends and begins at once
	if err := b.Adapter.Close(); err != nil {
		t.Error(err)
	}
	a.Emit("x")
	again.Next()
	if len(b.Told) > 0 {
		t.Error("a closed adapter is told something")
	}
	a.Together(2)
	again.Adapter.Close()
	again.Adapter.Close()
	a.Together(1)
	if err := again.Adapter.Publish(cluster.Emit{Data: Event("e")}); err == nil {
		t.Error("a closed adapter publishes")
	}
	if _, err := again.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("a closed adapter asks: %v", err)
	}
	for _, namespace := range []string{"/1", "/2", "/3"} {
		Join(t, two, namespace).Together(1)
	}
}

// closeWithinApply closes an adapter on the goroutine that calls its node, as
// a hub does when the last socket of a namespace goes.
func (e *Engine) closeWithinApply(t *testing.T) {
	s := Start(t)
	a, c := Join(t, e.Process(t, s, Setup{}), "/"), e.Process(t, s, Setup{})
	n := &closer{done: make(chan struct{})}
	n.adapter, _ = c.Open("/", n)
	a.Together(2)
	a.Emit("x")
	<-n.done
	a.Together(1)
}

type closer struct {
	adapter cluster.Adapter
	done    chan struct{}
}

func (c *closer) Apply(cluster.Operation) {
	c.adapter.Close()
	close(c.done)
}

func (c *closer) Reply(context.Context, cluster.Request, func(cluster.Reply)) {}

// panickingNode has the node panic at what it is told and asked: it is told
// the rest all the same, and who asked does not wait for ever.
func (e *Engine) panickingNode(t *testing.T) {
	s := Start(t)
	a, c := Join(t, e.Process(t, s, Setup{}), "/"), e.Process(t, s, Setup{})
	n := &panicker{told: make(chan cluster.Operation, 10)}
	n.adapter, _ = c.Open("/", n)
	a.Together(2)
	a.Emit("x")
	e.Ready(t, n.adapter)
	a.Publish(cluster.Join{Rooms: []string{"r"}})
	if _, ok := (<-n.told).(cluster.Join); !ok {
		t.Error("told something else")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.Adapter.Request(ctx, cluster.AllRooms{}, func(cluster.Reply) {}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	a.Publish(cluster.Join{Rooms: []string{"r"}})
	<-n.told
}

type panicker struct {
	adapter cluster.Adapter
	told    chan cluster.Operation
}

func (p *panicker) Apply(op cluster.Operation) {
	if _, ok := op.(cluster.Emit); ok {
		panic("boom")
	}
	p.told <- op
}

func (p *panicker) Reply(context.Context, cluster.Request, func(cluster.Reply)) { panic("boom") }
