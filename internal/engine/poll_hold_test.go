package engine_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeldPollGetsReplyAfterRelease has a held poll, which must not get its reply before.
func TestHeldPollGetsReplyAfterRelease(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		answer := w.startPoll(q)
		w.server.HoldPolls(time.Second)
		w.lastReceiver().session.Send(newText("a"))
		time.Sleep(500 * time.Millisecond)
		w.server.HoldPolls(time.Second) // from now
		w.lastReceiver().session.Send(newText("b"))
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		select {
		case got := <-answer:
			t.Fatalf("answered with %q", got)
		default:
		}
		wantReply(t, answer, "4a\x1e4b")
		w.lastReceiver().session.Send(newText("c"))
		w.wantResponse("GET", q, "", 200, "4c")
	})
}

// TestAbortedHeldPollClosesSession has a client that aborts its held poll.
func TestAbortedHeldPollClosesSession(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		w.server.HoldPolls(time.Hour)
		w.lastReceiver().session.Send(newText("a"))
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := w.http.Do(r); err == nil {
			t.Error("answered")
		}
		w.wantCloseReason("transport error")
		w.server.HoldPolls(1)
	})
}

// TestAwaitPollsWaitsForPollingClients has clients with a WebSocket too, for which
// AwaitPolls must not wait.
func TestAwaitPollsWaitsForPollingClients(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		start := time.Now()
		w.server.AwaitPolls(start.Add(time.Second))
		w.dialWebSocket("EIO=4").wantOpenPacket()
		w.server.AwaitPolls(start.Add(time.Second))
		if !time.Now().Equal(start) {
			t.Error("it waits for clients that do not poll")
		}
		q := w.openPolling("EIO=4")
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
		answer := w.startPoll(q)
		<-done
		w.lastReceiver().session.Send(newText("a"))
		wantReply(t, answer, "4a")
	})
}
