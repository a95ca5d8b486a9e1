package jwt

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// session stands for a socket.
type session struct {
	_    [64]byte
	self *session // so that it has a place of its own on the heap
}

func newTestTimers() (*timers[session], map[*session]int) {
	expired := make(map[*session]int)
	return newTimers(func(s *session) { expired[s]++ }), expired
}

func TestTimers(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(*timers[session], *session)
		want int // times expired after two hours
	}{
		{"once", func(x *timers[session], s *session) { x.set(s, in(time.Hour), true) }, 1},
		{"past", func(x *timers[session], s *session) { x.set(s, in(-time.Hour), true) }, 1},
		{"never", func(x *timers[session], s *session) { x.set(s, time.Time{}, true) }, 0},
		{"not wanted", func(x *timers[session], s *session) { x.set(s, in(time.Hour), false) }, 0},
		{"too far away", func(x *timers[session], s *session) { x.set(s, time.Unix(1<<61, 0), true) }, 0},
		{"later", func(x *timers[session], s *session) {
			x.set(s, in(time.Hour), true)
			x.set(s, in(3*time.Hour), false)
		}, 0},
		{"sooner", func(x *timers[session], s *session) {
			x.set(s, in(3*time.Hour), true)
			x.set(s, in(time.Hour), false)
		}, 1},
		{"not any more", func(x *timers[session], s *session) {
			x.set(s, in(time.Hour), true)
			x.set(s, time.Time{}, false)
		}, 0},
		{"again", func(x *timers[session], s *session) {
			x.set(s, in(time.Hour), true)
			x.set(s, time.Time{}, true)
			x.set(s, in(time.Hour), false)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, expired := newTestTimers()
				s := new(session)
				test.set(x, s)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if expired[s] != test.want {
					t.Errorf("expired %d times, want %d", expired[s], test.want)
				}
				x.set(s, time.Time{}, false)
			})
		})
	}
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

func TestTimersGoWithTheirValues(t *testing.T) {
	x, expired := newTestTimers()
	const n = 100
	for range n {
		s := new(session)
		s.self = s
		x.set(s, in(time.Hour), true)
		x.set(s, in(2*time.Hour), true)
	}
	for range 1000 {
		runtime.GC()
		if x.len() == 0 {
			break
		}
		runtime.Gosched()
	}
	if left := x.len(); left > 0 || len(expired) > 0 {
		t.Errorf("%d timers of values that are gone, %d expired", left, len(expired))
	}
}

func (t *timers[T]) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}
