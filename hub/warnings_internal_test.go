package hub

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRecurringWarningCountsOnesInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w recurringWarning
		if n := w.admitCounted(); n != 1 {
			t.Errorf("the first is logged with %d", n)
		}
		for range 434 {
			if n := w.admitCounted(); n != 0 {
				t.Errorf("it is logged with %d within the minute", n)
			}
		}
		time.Sleep(time.Minute)
		if n := w.admitCounted(); n != 435 {
			t.Errorf("the next one is logged with %d, want 435", n)
		}
	})
}
