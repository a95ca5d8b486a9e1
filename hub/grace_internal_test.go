package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestGraceTimeCancelsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hub{ctx: t.Context()}
		l := gracePeriod{ctx: lazyContext{hub: h}}
		ctx := &l.ctx
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("the context is canceled while the client is connected")
		}
		l.beginEvent()
		time.Sleep(graceTime - time.Nanosecond)
		l.beginEvent() // the next event has a time of its own
		time.Sleep(graceTime - time.Nanosecond)
		synctest.Wait()
		if ctx.Err() != nil || ctx.hasEnded() {
			t.Error("the context is canceled too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if ctx.Err() != context.Canceled || !ctx.hasEnded() {
			t.Errorf("the context is not canceled: %v", ctx.Err())
		}
		l.beginEvent()
		if ctx.Err() == nil {
			t.Error("the grace period begins again")
		}

		unused := gracePeriod{ctx: lazyContext{hub: h}} // no event was handled when it is over
		unused.endContext()
		if unused.ctx.Err() == nil {
			t.Error("an event is handled after the end")
		}
	})
}
