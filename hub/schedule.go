package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// schedule calls the handlers of one [Periodic] of a namespace, on one node of the
// cluster. It outlives configs that have it, so that a new config neither skips a time nor
// calls the handlers twice. Each call has a goroutine, which starts the timer of the next
// one and ends: so calls of one schedule do not overlap.
type schedule struct {
	// Static after construction.
	ns       *Namespace
	interval time.Duration

	handlers atomic.Pointer[[]timedHandler] // of the newest config

	mu      sync.Mutex // guards the following; a leaf
	due     time.Time  // of the next call, or of the one that runs
	timer   *time.Timer
	stopped bool
}

// scheduleKey identifies a schedule across configs: the interval, and the number of
// earlier blocks of the namespace with the same interval.
type scheduleKey struct {
	interval time.Duration
	number   int
}

// updateSchedulesLocked starts, changes and stops the schedules of a namespace, so that
// they are the ones of its rules. The caller holds hub.mu.
func (ns *Namespace) updateSchedulesLocked(r *rules) {
	var wanted []periodic
	if r != nil {
		wanted = r.every
	}
	if len(wanted) == 0 && ns.schedules == nil {
		return
	}
	old := ns.schedules
	ns.schedules = make(map[scheduleKey]*schedule, len(wanted))
	for _, p := range wanted {
		key := scheduleKey{interval: min(max(p.interval, MinInterval), MaxInterval)}
		for ns.schedules[key] != nil {
			key.number++
		}
		s := old[key]
		if s == nil {
			s = &schedule{ns: ns, interval: key.interval}
		}
		delete(old, key)
		ns.schedules[key] = s
		if first := s.handlers.Swap(&p.handlers) == nil; first {
			s.startTimer()
		}
	}
	for _, s := range old {
		s.stopTimer()
	}
}

// startTimer starts the timer of the next call.
func (s *schedule) startTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	now := time.Now()
	s.due = nextDue(now, s.due, s.interval)
	s.timer = s.ns.hub.afterFunc(s.due.Sub(now), "periodic events", s.run)
}

// stopTimer ends the schedule. A call that runs is the last one.
func (s *schedule) stopTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.timer.Stop()
}

// nextDue returns the next multiple of an interval since 1970 that is after now, and after
// the last call. A timer may fire a moment before the clock shows its time. A last call
// that is further away was before the clock was set back.
func nextDue(now, last time.Time, interval time.Duration) time.Time {
	if ahead := last.Sub(now); ahead > 0 && ahead <= interval {
		now = last
	}
	passed := time.Duration(now.UnixNano() % int64(interval))
	return now.Add(interval - passed)
}

// run calls the handlers, if this node is the one that does, and starts the timer of the
// next call. An error or a panic of a handler is logged.
func (s *schedule) run() {
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return
	}
	defer s.startTimer()
	if !s.ns.isLeader() {
		return
	}
	ev := &Event{Type: Every, Name: string(Every), Args: noArgs, ns: s.ns}
	handlers := *s.handlers.Load()
	call := callInOrder
	if readAnyCounts(handlers) {
		call = callInSteps
	}
	s.ns.callSocketFree(ev, func() error { return call(s.ns.hub.ctx, handlers, ev) })
}

// callInOrder calls handlers for an event, until one returns an error.
func callInOrder(ctx context.Context, handlers []timedHandler, ev *Event) error {
	if len(handlers) == 0 {
		return nil
	}
	began := readClock()
	for i := range handlers {
		var err error
		if began, err = handlers[i].handleAt(ctx, ev, began); err != nil {
			return err
		}
	}
	return nil
}
