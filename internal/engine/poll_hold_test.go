package engine_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A poll that is held is answered when the time is over, and not before.
func TestHeldPoll(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		answer := w.poll(q)
		w.server.HoldPolls(time.Second)
		w.last().session.Send(text("a"))
		time.Sleep(500 * time.Millisecond)
		w.server.HoldPolls(time.Second) // from now
		w.last().session.Send(text("b"))
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		select {
		case got := <-answer:
			t.Fatalf("answered with %q", got)
		default:
		}
		wantAnswer(t, answer, "4a\x1e4b")
		w.last().session.Send(text("c"))
		w.want("GET", q, "", 200, "4c")
	})
}

// A client that goes away meanwhile has gone at once.
func TestHeldPollAborted(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		w.server.HoldPolls(time.Hour)
		w.last().session.Send(text("a"))
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := w.http.Do(r); err == nil {
			t.Error("answered")
		}
		w.wantEnd("transport error")
		w.server.HoldPolls(1)
	})
}

// Polls are awaited of clients that poll, until a deadline.
func TestAwaitPolls(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		start := time.Now()
		w.server.AwaitPolls(start.Add(time.Second))
		w.ws("EIO=4").wantOpen()
		w.server.AwaitPolls(start.Add(time.Second))
		if !time.Now().Equal(start) {
			t.Error("it waits for clients that do not poll")
		}
		q := w.open("EIO=4")
		w.server.AwaitPolls(start.Add(time.Second))
		if took := time.Since(start); took < time.Second {
			t.Errorf("it waited for %v", took)
		}
		done := make(chan struct{})
		go func() {
			w.server.AwaitPolls(time.Now().Add(time.Hour))
			close(done)
		}()
		synctest.Wait()
		answer := w.poll(q)
		<-done
		w.last().session.Send(text("a"))
		wantAnswer(t, answer, "4a")
	})
}
