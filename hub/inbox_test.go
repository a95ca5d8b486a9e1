package hub

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestPushWaitsWhileInboxIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b inbox
		for i := range inboxEvents {
			if start := b.push(&Event{}, nil); start != (i == 0) {
				t.Fatalf("%d: start %v", i, start)
			}
		}
		pushed := make(chan bool, 1)
		go func() {
			b.push(&Event{Name: "late"}, nil)
			pushed <- true
		}()
		synctest.Wait()
		if len(pushed) > 0 {
			t.Fatal("push returns while the inbox is full")
		}
		b.pop()
		<-pushed
		if b.pushLast(&Event{Name: "last"}) {
			t.Error("a second runner")
		}
		if b.push(&Event{}, nil) {
			t.Error("an event is pushed after the last")
		}
		var names []string
		for {
			ev, ok := b.pop()
			if !ok {
				break
			}
			names = append(names, ev.Name)
		}
		if got := strings.TrimLeft(strings.Join(names, " "), " "); got != "late last" {
			t.Errorf("got %q", got)
		}
	})
}

func TestPushReturnsWhenConnectionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b inbox
		for range inboxEvents {
			b.push(&Event{}, nil)
		}
		done := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			b.push(&Event{}, done)
			close(ended)
		}()
		synctest.Wait()
		close(done)
		<-ended
	})
}

// newParallelEvent returns an event of a socket for [inbox.pushParallel].
func newParallelEvent(t *testing.T, size int) *Event {
	s := &Socket{ns: &Namespace{hub: &Hub{ctx: t.Context()}}}
	return &Event{Type: ClientEvent, Socket: s, Args: sio.Data{JSON: make([]byte, size)}}
}

// The limits of the inbox are for parallel and other events together. The first event that
// waits for its turn is never held up by the other kind.
func TestParallelEventsCountAgainstInboxLimits(t *testing.T) {
	for name, limit := range map[string]struct{ size, waiting int }{
		"number": {0, inboxEvents},
		"bytes":  {inboxBytes / 8, 8 - 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b inbox
				r := &rule{parallel: 2}
				ev := newParallelEvent(t, limit.size)
				lane := b.pushParallel(ev, r, nil)
				if b.pushParallel(ev, r, nil) != lane || lane == nil {
					t.Fatal("two events do not run at a time")
				}
				for range limit.waiting {
					if b.pushParallel(ev, r, nil) != nil {
						t.Fatal("a third event runs")
					}
				}
				pushed := make(chan string, 2)
				go func() {
					b.pushParallel(ev, r, nil)
					pushed <- "parallel"
				}()
				synctest.Wait()
				if len(pushed) > 0 {
					t.Fatal("pushParallel returns while the inbox is full")
				}
				if !b.push(ev, nil) {
					t.Error("lanes hold up the first event of the queue")
				}
				go func() {
					b.push(ev, nil)
					pushed <- "serial"
				}()
				synctest.Wait()
				if len(pushed) > 0 {
					t.Fatal("push returns while the inbox is full")
				}
				b.pop()
				synctest.Wait()
				for range limit.waiting {
					b.nextParallel(lane, ev)
				}
				<-pushed
				<-pushed
				if left := b.lanes.list; len(left) != 1 || left[0].running != 2 {
					t.Errorf("lanes %v", left)
				}
			})
		})
	}
}

func TestLanesEndWithLastEvent(t *testing.T) {
	var b inbox
	r := &rule{parallel: 1}
	ev := newParallelEvent(t, 100)
	lane := b.pushParallel(ev, r, nil)
	b.pushParallel(ev, r, nil)
	ctx := b.parallelContext()
	b.pushLast(&Event{})
	if ctx.Err() == nil {
		t.Error("the context of the events does not end")
	}
	if next := b.nextParallel(lane, ev); next != nil {
		t.Error("an event that waited is handled after the last event")
	}
	if b.pushParallel(ev, r, nil) != nil || len(b.lanes.list) > 0 || b.bytes != 0 || b.lanes.waiting != 0 {
		t.Errorf("lanes %+v have %d bytes", b.lanes, b.bytes)
	}
}
