package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLingering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lingering
		ctx := l.context(t.Context())
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("it ends while the client is there")
		}
		l.begin()
		time.Sleep(linger - 1)
		l.begin() // the next event has a time of its own
		time.Sleep(linger - 1)
		synctest.Wait()
		if ctx.Err() != nil || l.isOver() {
			t.Error("it ends too early")
		}
		time.Sleep(1)
		synctest.Wait()
		if ctx.Err() != context.Canceled || !l.isOver() {
			t.Errorf("it does not end: %v", ctx.Err())
		}
		l.begin()
		if l.context(t.Context()).Err() == nil {
			t.Error("it begins again")
		}

		var unused lingering // no event was handled when it is over
		unused.end()
		if unused.context(t.Context()).Err() == nil {
			t.Error("an event is handled after the end")
		}
	})
}
