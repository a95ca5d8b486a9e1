package replies

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// counter counts the requests that run, and replies with the count.
type counter struct{ n int }

func (c *counter) countRequest() (any, int, error) {
	c.n++
	return c.n, 8, nil
}

func (l *Log) assertReply(t *testing.T, id string, c *counter, assertReply int) {
	t.Helper()
	got, err := l.DoOnce(t.Context(), Key{"/", "emit", id}, []byte("x"), c.countRequest)
	if err != nil || got != assertReply {
		t.Errorf("%s: got %v, %v, want %d", id, got, err, assertReply)
	}
}

func TestDoOnceKeepsReplyForLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		var c counter
		l.assertReply(t, "a", &c, 1)
		l.assertReply(t, "b", &c, 2)
		time.Sleep(Lifetime - 1)
		l.assertReply(t, "a", &c, 1)
		for _, other := range []Key{{"/chat", "emit", "a"}, {"/", "join", "a"}} {
			if got, _ := l.DoOnce(t.Context(), other, []byte("x"), c.countRequest); got == 1 {
				t.Errorf("%v has the reply of another request", other)
			}
		}
		if _, err := l.DoOnce(t.Context(), Key{"/", "emit", "a"}, []byte("y"), c.countRequest); err != ErrOtherContent {
			t.Errorf("another content: %v", err)
		}
		time.Sleep(time.Nanosecond)
		l.assertReply(t, "a", &c, 5)
		time.Sleep(2 * Lifetime)
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.entries) != 0 || l.kept != nil || l.bytes != 0 || l.timer != nil {
			t.Errorf("it still keeps %+v", l.kept)
		}
	})
}

// A request during the first one gets its reply; if the first one fails or panics, another
// one runs.
func TestDoOnceWaitsForFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		key := Key{"/", "emit", "a"}
		failing := make(chan struct{})
		go func() {
			defer func() { _ = recover() }()
			_, _ = l.DoOnce(t.Context(), key, nil, func() (any, int, error) {
				<-failing
				panic("of the first")
			})
		}()
		synctest.Wait()
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.DoOnce(impatient, key, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		done := 0
		replies := make(chan any)
		for range 3 {
			go func() {
				reply, _ := l.DoOnce(t.Context(), key, nil, func() (any, int, error) {
					if done++; done == 1 {
						return nil, 0, errors.New("of the second")
					}
					return done, 0, nil
				})
				replies <- reply
			}()
		}
		synctest.Wait()
		close(failing)
		got := map[any]int{}
		for range 3 {
			got[<-replies]++
		}
		if got[nil] != 1 || got[2] != 2 || done != 2 {
			t.Errorf("got %v, done %d times", got, done)
		}
	})
}

func TestLogStaysWithinBounds(t *testing.T) {
	reply := func(size int) func() (any, int, error) {
		return func() (any, int, error) { return nil, size, nil }
	}
	synctest.Test(t, func(t *testing.T) {
		var l Log
		for range maxReplies {
			l.completeEntry(&entry{done: make(chan struct{}), completedAt: time.Now()})
		}
		_, _ = l.DoOnce(t.Context(), Key{ID: "a"}, nil, reply(0))
		if n := len(l.kept); n > maxReplies {
			t.Errorf("%d replies", n)
		}
		for i := range 10 {
			_, _ = l.DoOnce(t.Context(), Key{ID: fmt.Sprint(i)}, nil, reply(maxBytes/4))
		}
		if n := len(l.kept); n != 3 || len(l.entries) != n || l.bytes > maxBytes {
			t.Errorf("%d replies in %d bytes", n, l.bytes)
		}
	})
}
