package hub

import (
	"context"
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// parallelLanes are the events of one socket that parallel rules handle. Inbox.mu guards
// it.
type parallelLanes struct {
	ctx     context.Context // of the handlers; ends when the socket disconnects
	cancel  context.CancelFunc
	list    []*parallelLane // with events; few: searched one by one
	waiting int             // events of all lanes
}

// parallelLane is the events of one parallel rule. An event keeps the lane of the rule
// that the config had when it arrived. Inbox.mu guards it.
type parallelLane struct {
	rule    *rule
	waiting []*Event
	running int // events that are being handled, each on a goroutine
}

// countWaiting returns the number of events that wait in all lanes.
func (p *parallelLanes) countWaiting() int {
	if p == nil {
		return 0
	}
	return p.waiting
}

// laneFor returns the lane of a rule.
func (p *parallelLanes) laneFor(r *rule) *parallelLane {
	for _, l := range p.list {
		if l.rule == r {
			return l
		}
	}
	l := &parallelLane{rule: r}
	p.list = append(p.list, l)
	return l
}

// pushParallel adds an event of a parallel rule. It returns the lane if the caller must
// start a goroutine that handles the event, see [Socket.handleParallel]. It waits and
// drops as push does.
func (b *inbox) pushParallel(ev *Event, r *rule, done <-chan struct{}) (start *parallelLane) {
	if !b.lockWithSpace(true, done) {
		ev.Socket.releaseEvent(ev)
		return nil
	}
	defer b.mu.Unlock()
	if b.lanes == nil {
		b.lanes = new(parallelLanes)
		b.lanes.ctx, b.lanes.cancel = context.WithCancel(ev.Socket.ns.hub.ctx)
	}
	ev.parallel = true
	b.bytes += ev.Args.Size()
	l := b.lanes.laneFor(r)
	if l.running < r.parallel {
		l.running++
		return l
	}
	l.waiting = append(l.waiting, ev)
	b.lanes.waiting++
	return nil
}

// nextParallel removes an event that was handled from its lane. It returns the next one
// of the lane, or nil: then the caller, the goroutine of the event, ends.
func (b *inbox) nextParallel(l *parallelLane, handled *Event) (next *Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= handled.Args.Size()
	if len(l.waiting) > 0 {
		next = l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		b.lanes.waiting--
	} else if l.running--; l.running == 0 {
		b.lanes.list = slices.DeleteFunc(b.lanes.list, func(other *parallelLane) bool { return other == l })
	}
	b.signalSpaceLocked()
	return next
}

// dropWaitingLocked drops the events that wait in lanes. The caller holds mu.
func (b *inbox) dropWaitingLocked() {
	if b.lanes == nil {
		return
	}
	for _, l := range b.lanes.list {
		for _, ev := range l.waiting {
			b.bytes -= ev.Args.Size()
			ev.Socket.releaseEvent(ev)
		}
		l.waiting = nil
	}
	b.lanes.waiting = 0
}

// parallelContext returns the context of the events in lanes. There is one.
func (b *inbox) parallelContext() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lanes.ctx
}

// queueEvent handles an event of the client in place, or puts it into the inbox. It waits
// while the inbox is full, until done is closed.
func (s *Socket) queueEvent(ev *Event, done <-chan struct{}) {
	r := s.ns.rules.Load().parallelRuleFor(ev)
	if r == nil && s.handleInPlace(ev) {
		return
	}
	ev.arrived = readClock()
	if r == nil {
		if s.inbox.push(ev, done) {
			s.startEventLoop()
		}
		return
	}
	if l := s.inbox.pushParallel(ev, r, done); l != nil {
		s.client.beginRunning()
		// It ends when the lane has no event that waits.
		spawn.Go(s.ns.hub.log(), "parallel events", func() { s.handleParallel(l, ev) }, nil)
	}
}

// handleParallel handles an event of a parallel rule, and then the ones that wait in its
// lane.
func (s *Socket) handleParallel(l *parallelLane, ev *Event) {
	defer s.client.endRunning()
	spawn.GrowStack[spawn.Stack4K]() // for the handlers
	for ev != nil {
		s.callProtected(ev, func() { s.handleParallelEvent(ev) })
		next := s.inbox.nextParallel(l, ev)
		s.releaseEvent(ev)
		ev = next
	}
}

// handleParallelEvent calls the handlers of one event. Their context ends when the socket
// disconnects: an error after that is not logged as a failure.
func (s *Socket) handleParallelEvent(ev *Event) {
	ev.noteInboxWait()
	err := s.ns.callHandlers(ev)
	if err == nil {
		return
	}
	if ev.handlerContext().Err() != nil {
		err = fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	s.ns.hub.logEvent("event failed", ev, err)
	ev.ackError(clientErrorOf(err).Message)
}
