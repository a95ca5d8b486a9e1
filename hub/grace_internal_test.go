package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestGraceTimeCancelsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l gracePeriod
		ctx := l.eventContext(t.Context())
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("the context is canceled while the client is connected")
		}
		l.beginEvent()
		time.Sleep(graceTime - time.Nanosecond)
		l.beginEvent() // the next event has a time of its own
		time.Sleep(graceTime - time.Nanosecond)
		synctest.Wait()
		if ctx.Err() != nil || l.hasEnded() {
			t.Error("the context is canceled too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if ctx.Err() != context.Canceled || !l.hasEnded() {
			t.Errorf("the context is not canceled: %v", ctx.Err())
		}
		l.beginEvent()
		if l.eventContext(t.Context()).Err() == nil {
			t.Error("the grace period begins again")
		}

		var unused gracePeriod // no event was handled when it is over
		unused.endContext()
		if unused.eventContext(t.Context()).Err() == nil {
			t.Error("an event is handled after the end")
		}
	})
}
