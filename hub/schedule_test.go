package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// callCounter counts calls by name.
type callCounter struct {
	mu    sync.Mutex // guards calls
	calls map[string]int
}

func (c *callCounter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = make(map[string]int)
	}
	c.calls[name]++
}

// await returns the calls when all goroutines wait.
func (c *callCounter) await() map[string]int {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

// everyConfig returns a config whose namespace has one periodic handler for each interval.
func everyConfig(namespace string, call HandlerFunc, intervals ...time.Duration) Config {
	ns := NamespaceConfig{Name: namespace}
	for _, interval := range intervals {
		ns.Every = append(ns.Every, Periodic{Interval: interval, Handlers: []Handler{call}})
	}
	return Config{Namespaces: []NamespaceConfig{ns}}
}

// The fake clock of a bubble begins at midnight, UTC, on a whole second.
func TestEveryIsAlignedToClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		defer h.Close()
		time.Sleep(7*time.Second + 300*time.Millisecond)
		var times []string
		h.Configure(everyConfig("/", func(_ context.Context, ev *Event) error {
			if ev.Type != Every || ev.Name != "every" || ev.Socket != nil || ev.Namespace().Name() != "/" || ev.Room != "" {
				t.Errorf("event %+v", ev)
			}
			times = append(times, time.Now().UTC().Format("05.000"))
			return nil
		}, 10*time.Second))
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(times); got != "[10.000 20.000 30.000 40.000]" {
			t.Errorf("called at %s", got)
		}
	})
}

func TestEveryDoesNotOverlapItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		defer h.Close()
		var calls, running atomic.Int64
		config := everyConfig("/", func(context.Context, *Event) error {
			if running.Add(1) > 1 {
				t.Error("two calls at a time")
			}
			calls.Add(1)
			time.Sleep(25 * time.Second)
			running.Add(-1)
			return nil
		}, 10*time.Second)
		old := h.Configure(config)
		for range 10 {
			time.Sleep(9 * time.Second)
			next := h.Configure(config)
			old.Release()
			old = next
		}
		old.Release()
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 3 { // at 10, 40 and 70 s
			t.Errorf("%d calls", n)
		}
	})
}

// A config that is loaded at any moment, a multiple of the interval too, neither skips a
// call nor makes two.
func TestReloadKeepsTimesOfEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		defer h.Close()
		var counter callCounter
		var old *Generation
		for i := range 600 {
			next := h.Configure(everyConfig("/", func(context.Context, *Event) error {
				counter.add(time.Now().UTC().Format("15:04:05.000"))
				return nil
			}, 5*time.Second))
			if old != nil {
				old.Release()
			}
			old = next
			time.Sleep(time.Duration(i%7) * 100 * time.Millisecond)
			synctest.Wait()
		}
		old.Release()
		calls := counter.await()
		for at, n := range calls {
			if n != 1 {
				t.Errorf("%d calls at %s", n, at)
			}
		}
		if len(calls) != 35 { // 179.5 s
			t.Errorf("%d calls: %v", len(calls), calls)
		}
	})
}

func TestEveryEndsWithConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		defer h.Close()
		var counter callCounter
		count := func(name string) HandlerFunc {
			return func(_ context.Context, ev *Event) error {
				counter.add(name + " " + ev.Namespace().Name())
				return nil
			}
		}
		first := h.Configure(everyConfig("/chat", count("first"), time.Second, time.Second, time.Minute))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		second := h.Configure(everyConfig("/chat", count("second"), time.Second))
		first.Release()
		time.Sleep(10 * time.Second)
		second.Release()
		time.Sleep(time.Hour)
		calls := counter.await()
		if calls["first /chat"] != 20 || calls["second /chat"] != 10 || len(calls) != 2 {
			t.Errorf("calls %v", calls)
		}
	})
}

// A namespace of a glob exists while it is used.
func TestEveryRunsInNamespacesOfGlobThatExist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		defer h.Close()
		var counter callCounter
		h.Configure(everyConfig("/org-*", func(_ context.Context, ev *Event) error {
			counter.add(ev.Namespace().Name())
			return nil
		}, time.Second))
		time.Sleep(5 * time.Second)
		h.WithNamespace("/org-a", func(*Namespace) {
			h.WithNamespace("/org-b", func(*Namespace) { time.Sleep(3*time.Second + time.Millisecond) })
			time.Sleep(2 * time.Second)
		})
		time.Sleep(5 * time.Second)
		calls := counter.await()
		if calls["/org-a"] != 5 || calls["/org-b"] != 3 || len(calls) != 2 {
			t.Errorf("calls %v", calls)
		}
	})
}

func TestFailuresOfEveryAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		h := New(Options{})
		defer h.Close()
		calls := 0
		c := everyConfig("/", func(context.Context, *Event) error {
			if calls++; calls == 1 {
				panic("boom")
			}
			return errors.New("broken")
		}, time.Second)
		c.Log = zap.New(core)
		h.Configure(c)
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		if calls != 3 || logs.FilterMessage("event failed").FilterField(zap.String("event", "every")).Len() != 2 ||
			logs.FilterMessage("a handler of the event panicked").Len() != 1 {
			t.Errorf("%d calls, logged %v", calls, logs.All())
		}
	})
}

func TestNextDue(t *testing.T) {
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return midnight.Add(time.Duration(s * float64(time.Second))) }
	for name, tt := range map[string]struct {
		now, last, want time.Time
	}{
		"first call":                {at(7.3), time.Time{}, at(10)},
		"on the multiple":           {at(10), time.Time{}, at(20)},
		"after a call":              {at(10.01), at(10), at(20)},
		"after a long call":         {at(34), at(10), at(40)},
		"timer fired early":         {at(9.99), at(10), at(20)},
		"clock set back a little":   {at(6), at(10), at(20)},
		"clock set back by an hour": {at(0.5), at(3600), at(10)},
	} {
		if got := nextDue(tt.now, tt.last, 10*time.Second); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got.Sub(midnight), tt.want.Sub(midnight))
		}
	}
	if got := nextDue(at(5000), time.Time{}, 24*time.Hour); !got.Equal(midnight.Add(24 * time.Hour)) {
		t.Errorf("every 24h is at %s, want midnight", got)
	}
}
