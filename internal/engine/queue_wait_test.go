package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A goroutine that waits for the queue continues when the client has received half of it.
func TestAwaitQueueWaitsForClient(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 10_000
	message := strings.Repeat("a", 1000)
	t.Run("polling", func(t *testing.T) {
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=4")
			s := w.lastReceiver().session
			var returned atomic.Int32
			for range 5 {
				s.Send(newText(message))
			}
			for range 2 {
				go func() {
					if err := s.AwaitQueue(t.Context()); err != nil {
						t.Error(err)
					}
					returned.Add(1)
				}()
				synctest.Wait()
			}
			if n := returned.Load(); n != 0 {
				t.Fatalf("%d did not wait for %d bytes", n, 5*len(message))
			}
			w.request("GET", q, "")
			synctest.Wait()
			if n := returned.Load(); n != 2 {
				t.Errorf("%d returned after the poll", n)
			}
			if err := s.AwaitQueue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("WebSocket", func(t *testing.T) {
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			ws := w.dialWebSocket("EIO=4")
			ws.wantOpenPacket()
			s := w.lastReceiver().session
			go func() {
				for range 100 {
					if err := s.AwaitQueue(t.Context()); err != nil {
						t.Error(err)
					}
					if !s.Send(newText(message)) {
						t.Error("not sent")
					}
				}
			}()
			for range 100 {
				ws.wantMessages("4" + message)
			}
		})
	})
}

func TestAwaitQueueEndsWithSessionAndContext(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 10_000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.openPolling("EIO=4")
		s := w.lastReceiver().session
		s.Send(newText(strings.Repeat("a", 8000)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- s.AwaitQueue(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		go func() { ended <- s.AwaitQueue(t.Context()) }()
		synctest.Wait()
		s.Close("forced close")
		if err := <-ended; err != nil {
			t.Errorf("got %v", err)
		}
	})
}
