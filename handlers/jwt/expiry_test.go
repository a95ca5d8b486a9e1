package jwt

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// testValue stands for a socket.
type testValue struct {
	_    [64]byte
	self *testValue // so that it has a place of its own on the heap
}

func newTestTimers() (*timers[testValue], map[*testValue]int) {
	expired := make(map[*testValue]int)
	return newTimers(func(s *testValue) { expired[s]++ }), expired
}

func TestTimersExpire(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(*timers[testValue], *testValue)
		want int // times expired after two hours
	}{
		{"once", func(x *timers[testValue], s *testValue) { x.setTime(s, timeAfter(time.Hour), true) }, 1},
		{"past", func(x *timers[testValue], s *testValue) { x.setTime(s, timeAfter(-time.Hour), true) }, 1},
		{"never", func(x *timers[testValue], s *testValue) { x.setTime(s, time.Time{}, true) }, 0},
		{"not wanted", func(x *timers[testValue], s *testValue) { x.setTime(s, timeAfter(time.Hour), false) }, 0},
		{"too far away", func(x *timers[testValue], s *testValue) { x.setTime(s, time.Unix(1<<61, 0), true) }, 0},
		{"later", func(x *timers[testValue], s *testValue) {
			x.setTime(s, timeAfter(time.Hour), true)
			x.setTime(s, timeAfter(3*time.Hour), false)
		}, 0},
		{"sooner", func(x *timers[testValue], s *testValue) {
			x.setTime(s, timeAfter(3*time.Hour), true)
			x.setTime(s, timeAfter(time.Hour), false)
		}, 1},
		{"not any more", func(x *timers[testValue], s *testValue) {
			x.setTime(s, timeAfter(time.Hour), true)
			x.setTime(s, time.Time{}, false)
		}, 0},
		{"again", func(x *timers[testValue], s *testValue) {
			x.setTime(s, timeAfter(time.Hour), true)
			x.setTime(s, time.Time{}, true)
			x.setTime(s, timeAfter(time.Hour), false)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, expired := newTestTimers()
				s := new(testValue)
				test.set(x, s)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if expired[s] != test.want {
					t.Errorf("expired %d times, want %d", expired[s], test.want)
				}
				x.setTime(s, time.Time{}, false)
			})
		})
	}
}

func timeAfter(d time.Duration) time.Time { return time.Now().Add(d) }

func TestTimersGoWithTheirValues(t *testing.T) {
	x, expired := newTestTimers()
	const n = 100
	for range n {
		s := new(testValue)
		s.self = s
		x.setTime(s, timeAfter(time.Hour), true)
		x.setTime(s, timeAfter(2*time.Hour), true)
	}
	for range 1000 {
		runtime.GC()
		if x.pendingCount() == 0 {
			break
		}
		runtime.Gosched()
	}
	if left := x.pendingCount(); left > 0 || len(expired) > 0 {
		t.Errorf("%d timers of values that are gone, %d expired", left, len(expired))
	}
}

func (t *timers[T]) pendingCount() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}
