package hub

import (
	"context"
	"runtime"
	"testing"
)

// A lazy context ends like one of [context.WithCancel], whenever its channel is made.
func TestLazyContextEnds(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*lazyContext){
		"before Done is called": func(*lazyContext) {},
		"after Done is called":  func(c *lazyContext) { c.Done() },
	} {
		parent, cancel := context.WithCancel(t.Context())
		h := &Hub{ctx: parent}
		c, other := lazyContext{hub: h}, lazyContext{hub: h}
		prepare(&c)
		prepare(&other)
		if c.Err() != nil || context.Cause(&c) != nil {
			t.Errorf("%s: %v, %v while it is open", name, c.Err(), context.Cause(&c))
		}
		c.end()
		if c.Err() != context.Canceled || context.Cause(&c) != context.Canceled {
			t.Errorf("%s: %v, %v after its end", name, c.Err(), context.Cause(&c))
		}
		<-c.Done()
		if other.Err() != nil {
			t.Errorf("%s: another one has ended too", name)
		}
		cancel() // the hub closes
		if other.Err() != context.Canceled || context.Cause(&other) != context.Canceled {
			t.Errorf("%s: %v, %v after the end of the hub", name, other.Err(), context.Cause(&other))
		}
		<-other.Done()
	}
}

// A context that is derived from a lazy one ends with it, and has no goroutine.
func TestDerivedContextEndsWithLazyContext(t *testing.T) {
	c := lazyContext{hub: &Hub{ctx: t.Context()}}
	before := runtime.NumGoroutine()
	var derived []context.Context
	for range 100 {
		ctx, cancel := context.WithCancel(&c)
		defer cancel()
		derived = append(derived, ctx)
	}
	if n := runtime.NumGoroutine() - before; n > 50 { // of other tests, a few
		t.Errorf("%d goroutines", n)
	}
	c.end()
	for _, ctx := range derived {
		<-ctx.Done()
	}
}

func TestLazyContextAllocatesNothing(t *testing.T) {
	c := lazyContext{hub: &Hub{ctx: t.Context()}}
	key := new(int)
	if n := testing.AllocsPerRun(100, func() {
		var ctx context.Context = &c
		if ctx.Err() != nil || ctx.Value(key) != nil {
			t.Error("it has ended, or has a value")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
