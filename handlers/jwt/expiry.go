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

// expiries end sockets whose tokens expire. They outlive configs, as sockets do.
var expiries = newTimers(func(s *hub.Socket) {
	select {
	case <-s.Done():
	default:
		s.Disconnect(false)
	}
})

// timers call a function at a time that is set for a value, at most one for each.
// They don't keep the values alive: a timer goes with its value, so those whose time
// is far away cost nothing once their sockets are gone.
type timers[T any] struct {
	expire func(*T)

	mu sync.Mutex // guards pending
	// pending has a value until it is gone, once a time was set for it: nil when
	// there is none at the moment.
	pending map[weak.Pointer[T]]*alarm
}

// alarm is one time that was set.
type alarm struct{ timer *time.Timer }

func newTimers[T any](expire func(*T)) *timers[T] {
	return &timers[T]{expire: expire, pending: make(map[weak.Pointer[T]]*alarm)}
}

// set sets the time for a value, instead of the former. The zero time is never. When
// none was set before, it only does with begin.
func (t *timers[T]) set(value *T, at time.Time, begin bool) {
	key := weak.Make(value)
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.pending[key]
	if !known {
		if !begin || at.IsZero() {
			return
		}
		runtime.AddCleanup(value, t.forget, key)
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
		spawn.Call(caddy.Log(), "token expiry", func() { t.fire(key, a) }, nil)
	})
}

func (a *alarm) stop() {
	if a != nil {
		a.timer.Stop()
	}
}

// fire does what an alarm is for, unless another has taken its place.
func (t *timers[T]) fire(key weak.Pointer[T], a *alarm) {
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

// forget stops the alarm of a value that is gone.
func (t *timers[T]) forget(key weak.Pointer[T]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending[key].stop()
	delete(t.pending, key)
}
