package jwt

import (
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddyserver/caddy/v2"
)

// expiries disconnect sockets whose tokens expire. They outlive configs, as sockets do.
var expiries = newTimers(func(s *hub.Socket) {
	select {
	case <-s.Done():
	default:
		s.Disconnect(false)
	}
})

// timers call a function at a time that is set for a value, at most one time for each
// value. They don't keep the values alive. A timer is removed with its value, so that
// far times cost nothing after their sockets are gone.
type timers[T any] struct {
	expire func(*T)

	mu sync.Mutex // guards pending
	// pending has the values for which a time was set, until they are gone. The
	// alarm is nil for a value without a time.
	pending map[weak.Pointer[T]]*alarm
}

// alarm is a timer that was started for a value.
type alarm struct{ timer *time.Timer }

func newTimers[T any](expire func(*T)) *timers[T] {
	return &timers[T]{expire: expire, pending: make(map[weak.Pointer[T]]*alarm)}
}

// setTime replaces the time of a value. The zero time removes it. For a value without
// an earlier time, begin must be true; otherwise nothing happens.
func (t *timers[T]) setTime(value *T, at time.Time, begin bool) {
	key := weak.Make(value)
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.pending[key]
	if !known {
		if !begin || at.IsZero() {
			return
		}
		runtime.AddCleanup(value, t.removeValue, key)
	}
	old.stop()
	t.pending[key] = nil
	if at.IsZero() {
		return
	}
	a := new(alarm)
	t.pending[key] = a
	// Its goroutine ends when expire returns.
	a.timer = time.AfterFunc(time.Until(at), func() {
		spawn.Call(caddy.Log(), "token expiry", func() { t.fireAlarm(key, a) }, nil)
	})
}

func (a *alarm) stop() {
	if a != nil {
		a.timer.Stop()
	}
}

// fireAlarm calls expire for the value of an alarm, unless another alarm has replaced
// it.
func (t *timers[T]) fireAlarm(key weak.Pointer[T], a *alarm) {
	t.mu.Lock()
	current := t.pending[key] == a
	if current {
		t.pending[key] = nil
	}
	t.mu.Unlock()
	if value := key.Value(); current && value != nil {
		t.expire(value)
	}
}

// removeValue stops the alarm of a value that is gone.
func (t *timers[T]) removeValue(key weak.Pointer[T]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending[key].stop()
	delete(t.pending, key)
}
