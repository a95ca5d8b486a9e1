package engine

import (
	"runtime"
	"testing"
	"time"
	"weak"
)

// TestStoppedTimerKeepsNoSession has other timers beside the stopped one: the runtime removes
// stopped timers when they are many.
func TestStoppedTimerKeepsNoSession(t *testing.T) {
	for range 32 {
		other := time.AfterFunc(time.Hour, func() {})
		defer other.Stop()
	}
	s := new(Session)
	kept := weak.Make(s)
	timer := startSessionTimer(s, time.Hour)
	timer.stop()
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the session is kept")
	}
	runtime.KeepAlive(timer)
}
