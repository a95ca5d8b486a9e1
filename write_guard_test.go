package socketio

import (
	"net/http/httptest"
	"testing"
	"time"
)

// deadlineWriter notes the write deadlines that are set.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (w *deadlineWriter) SetWriteDeadline(deadline time.Time) error {
	w.set = append(w.set, deadline)
	return nil
}

// Caddy's idle timeouts set a deadline before each write, and the engine another one.
func TestWriteGuardKeepsNearDeadline(t *testing.T) {
	t.Parallel()
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	g := &writeGuard{ResponseWriter: w}
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		deadline time.Time
		sets     bool
	}{
		{start, true},
		{start, false},
		{start.Add(sameDeadline - 1), false},
		{start.Add(sameDeadline), true},
		{start, true}, // an earlier one
		{time.Time{}, true},
		{time.Time{}, true},
		{start, true},
	} {
		before := len(w.set)
		if err := g.SetWriteDeadline(c.deadline); err != nil {
			t.Fatal(err)
		}
		if sets := len(w.set) > before; sets != c.sets {
			t.Errorf("%v after %v: set is %v, want %v", c.deadline, w.set, sets, c.sets)
		}
	}
	g.endWrites()
	before := len(w.set)
	if _ = g.SetWriteDeadline(start.Add(time.Hour)); len(w.set) > before || !w.set[before-1].Before(start) {
		t.Errorf("got %v, want a past deadline last", w.set)
	}
}
