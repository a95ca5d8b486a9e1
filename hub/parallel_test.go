package hub_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// blockingRule returns a rule whose events wait until release is closed or their context
// ends, and then are acknowledged with their first argument. started gets that argument
// before.
func blockingRule(event string, parallel int) (rule hub.Rule, started chan string, release chan struct{}) {
	started, release = make(chan string, 1000), make(chan struct{})
	return hub.Rule{Events: []string{event}, Parallel: parallel, Handlers: []hub.Handler{
		hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
			arg, _ := ev.Lookup("event.args.0")
			started <- arg.Text()
			select {
			case <-release:
				return ev.Ack(arg)
			case <-ctx.Done():
				return ctx.Err()
			}
		}),
	}}, started, release
}

// configureRules makes the rules the only ones of the namespace "/".
func configureRules(h *hub.Hub, log *zap.Logger, rules ...hub.Rule) *hub.Namespace {
	h.Configure(hub.Config{Log: log, Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: rules}}})
	return h.Of("/")
}

// A collaborative editor pulls updates with an acknowledgement that comes when there are
// some, and pushes its own ones meanwhile.
func TestParallelEventDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	pull, started, release := blockingRule("pullUpdates", 16)
	handleSync(configureRules(h, nil, pull))
	c, _ := joinNamespace(t, url, "/", "")
	for i := range 3 {
		c.sendPacket(fmt.Sprintf(`42%d["pullUpdates",%d]`, 10+i, i))
		c.syncEvents("/") // the others are acknowledged
	}
	for range 3 {
		receiveWithin(t, started)
	}
	close(release)
	acks := make(map[string]bool)
	for range 3 {
		acks[c.readPacket()] = true
	}
	for _, want := range []string{"4310[0]", "4311[1]", "4312[2]"} {
		if !acks[want] {
			t.Errorf("no acknowledgement %s in %v", want, acks)
		}
	}
}

// quickHandler is an [hub.Immediate] handler.
type quickHandler struct{ hub.HandlerFunc }

func (quickHandler) Immediate() {}

// Events whose handlers never wait would gain nothing side by side, and delay other clients.
func TestQuickEventsOfParallelRuleRunInTurn(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	var running, overlaps atomic.Int64
	quick := quickHandler{func(_ context.Context, ev *hub.Event) error {
		if running.Add(1) > 1 {
			overlaps.Add(1)
		}
		defer running.Add(-1)
		runtime.Gosched()
		return ev.Ack()
	}}
	wait, started, release := blockingRule("wait", 16)
	configureRules(h, nil, hub.Rule{Events: []string{"quick"}, Parallel: 16, Handlers: []hub.Handler{quick}}, wait)
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`42["wait"]`)
	receiveWithin(t, started)
	for i := range 100 {
		c.sendPacket(fmt.Sprintf(`42%d["quick"]`, i))
	}
	for i := range 100 {
		c.wantPacket(fmt.Sprintf(`43%d[]`, i))
	}
	if n := overlaps.Load(); n > 0 {
		t.Errorf("%d ran beside another one", n)
	}
	close(release)
}

func TestParallelRuleHasLimit(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	var running, most atomic.Int64
	pull := hub.Rule{Events: []string{"pull"}, Parallel: 3, Handlers: []hub.Handler{
		hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			now := running.Add(1)
			defer running.Add(-1)
			for {
				if old := most.Load(); now <= old || most.CompareAndSwap(old, now) {
					return ev.Ack()
				}
			}
		}),
	}}
	wait, started, release := blockingRule("wait", 3)
	handleSync(configureRules(h, nil, pull, wait))
	c, _ := joinNamespace(t, url, "/", "")
	for i := range 10 {
		c.sendPacket(fmt.Sprintf(`42%d["wait",%d]`, i, i))
	}
	c.syncEvents("/")
	for range 3 {
		receiveWithin(t, started)
	}
	if len(started) > 0 {
		t.Error("a fourth event is handled at a time")
	}
	for i := range 200 { // another rule has a limit of its own
		c.sendPacket(fmt.Sprintf(`42%d["pull"]`, 100+i))
	}
	for range 200 {
		c.readPacket()
	}
	if n := most.Load(); n > 3 {
		t.Errorf("%d events at a time", n)
	}
	close(release)
	for range 10 {
		c.readPacket()
	}
}

func TestEventsOfParallelRuleEndWithSocket(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	h, url := newHub(t)
	wait, started, _ := blockingRule("wait", 2)
	gone := make(chan string, 2)
	for _, event := range []string{"disconnecting", "disconnect"} {
		h.Of("/").On(event, hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			gone <- fmt.Sprint(event, " in ", len(ev.Socket.Rooms()))
			return nil
		}))
	}
	ended := make(chan error, 10)
	stay := hub.Rule{Events: []string{"stay"}, Parallel: 1, Handlers: []hub.Handler{
		hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
			started <- "stay"
			<-ctx.Done()
			<-ev.Socket.Done() // disconnect does not wait for the event
			ended <- errors.Join(ev.Socket.Join("late"), ev.Socket.Set("late", true))
			return nil
		}),
	}}
	ns := configureRules(h, zap.New(core), wait, stay)
	c, _ := joinNamespace(t, url, "/", "")
	for i := range 5 {
		c.sendPacket(fmt.Sprintf(`42%d["wait",%d]`, i, i))
	}
	c.sendPacket(`42["stay"]`)
	for range 3 {
		receiveWithin(t, started)
	}
	c.sendPacket("41")
	if got := receiveWithin(t, gone) + ", " + receiveWithin(t, gone); got != "disconnecting in 1, disconnect in 0" {
		t.Errorf("got %s", got)
	}
	if err := receiveWithin(t, ended); err != nil {
		t.Error(err)
	}
	if len(started) > 0 {
		t.Error("an event that waited is handled")
	}
	if rooms := ns.Rooms(); rooms != 0 {
		t.Errorf("%d rooms are left", rooms)
	}
	if logs.Len() > 0 {
		t.Errorf("logged %v", logs.All())
	}
}

func TestErrorsAndPanicsOfParallelRule(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	handleSync(configureRules(h, nil, hub.Rule{Events: []string{"*"}, Parallel: 2, Handlers: []hub.Handler{
		hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			switch ev.Name {
			case "refused":
				return &hub.ClientError{Message: "refused"}
			case "boom":
				panic("boom")
			}
			return nil
		}),
	}}))
	witness, _ := joinNamespace(t, url, "/", "")
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`421["refused"]`)
	c.wantPacket(`431[{"error":"refused"}]`)
	for range 5 {
		c.sendPacket(`42["boom"]`)
	}
	c.wantClosed()
	if n := h.Stats().Panics; n < 1 || n > 5 {
		t.Errorf("%d panics counted", n)
	}
	witness.syncEvents("/")
}

// A new config makes later events wait for each other. An event that is being handled is
// not one of them.
func TestReloadMakesRuleSerial(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	parallel, started, release := blockingRule("wait", 2)
	handleSync(configureRules(h, nil, parallel))
	c, _ := joinNamespace(t, url, "/", "")
	for i := range 3 {
		c.sendPacket(fmt.Sprintf(`42%d["wait",%d]`, i, i))
	}
	c.syncEvents("/")
	receiveWithin(t, started)
	receiveWithin(t, started)
	serial, startedSerial, releaseSerial := blockingRule("wait", 0)
	configureRules(h, nil, serial)
	c.sendPacket(`423["wait",3]`)
	if arg := receiveWithin(t, startedSerial); arg != "3" {
		t.Errorf("event %s begins", arg)
	}
	c.sendPacket(`427["sync"]`) // it waits now
	close(release)
	c.readPacket() // the first two
	c.readPacket()
	if arg := receiveWithin(t, startedSerial); arg != "2" {
		t.Errorf("event %s begins", arg) // it had arrived before
	}
	close(releaseSerial)
	got := map[string]bool{c.readPacket(): true, c.readPacket(): true, c.readPacket(): true}
	if !got["432[2]"] || !got["433[3]"] || !got["437[]"] {
		t.Errorf("got %v", got)
	}
}

// A flood of events waits at the client, and each event is handled.
func TestFloodOfParallelEvents(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	const flood = 30_000 // more than the buffers of the connection hold
	var handled atomic.Int64
	done, release := make(chan struct{}), make(chan struct{})
	handleSync(configureRules(h, nil, hub.Rule{Events: []string{"flood"}, Parallel: 16, Handlers: []hub.Handler{
		hub.HandlerFunc(func(context.Context, *hub.Event) error {
			<-release
			if handled.Add(1) == flood {
				close(done)
			}
			return nil
		}),
	}}))
	c, _ := joinNamespace(t, url, "/", "")
	go func() {
		for range flood {
			c.sendPacket(`42["flood"]`)
		}
	}()
	other, _ := joinNamespace(t, url, "/", "")
	other.syncEvents("/")
	close(release)
	<-done
}
