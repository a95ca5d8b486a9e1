package hub

import (
	"strings"
	"testing"
	"testing/synctest"
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
