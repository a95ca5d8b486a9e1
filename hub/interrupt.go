package hub

import (
	"context"
	"fmt"
	"slices"
)

// ErrInterrupted is the cause of a context that [Event.WithInterrupt] ends because the
// client sent one of the events. It wraps [context.Canceled].
var ErrInterrupted = fmt.Errorf("interrupted by an event of the client: %w", context.Canceled)

// interrupt ends the context of a handler when the client sends an event.
type interrupt struct {
	events eventMatcher
	cancel context.CancelCauseFunc
}

// WithInterrupt returns a context that ends when the client of the event's socket sends
// one of the events, named as in [Namespace.On]. It ends as soon as the event arrives:
// earlier events of the socket need not have been handled. [context.Cause] is
// [ErrInterrupted] then. The event itself is handled in its turn. The caller calls the
// function.
func (ev *Event) WithInterrupt(ctx context.Context, events ...string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if ev.Socket == nil || len(events) == 0 {
		return ctx, func() { cancel(nil) }
	}
	i := &interrupt{newEventMatcher(events...), cancel}
	ev.Socket.changeInterrupts(func(all []*interrupt) []*interrupt { return append(all, i) })
	return ctx, func() {
		cancel(nil)
		ev.Socket.changeInterrupts(func(all []*interrupt) []*interrupt {
			return slices.DeleteFunc(all, func(other *interrupt) bool { return other == i })
		})
	}
}

// changeInterrupts replaces the list of interrupts: the connection's reader takes no lock.
func (s *Socket) changeInterrupts(change func([]*interrupt) []*interrupt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*interrupt
	if old := s.interrupts.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if all = change(all); len(all) == 0 {
		s.interrupts.Store(nil)
		return
	}
	s.interrupts.Store(&all)
}

// interruptHandlers ends the contexts that wait for an event that has arrived.
func (s *Socket) interruptHandlers(ev *Event) {
	all := s.interrupts.Load()
	if all == nil {
		return
	}
	for _, i := range *all {
		if i.events.matchEvent(ev) {
			i.cancel(ErrInterrupted)
		}
	}
}

// Disconnecting returns a channel that is closed when the event's socket begins to
// disconnect, before its disconnecting event is handled. It is nil if the event has no
// socket, or one that has begun before: the context of its handlers ends in time then.
func (ev *Event) Disconnecting() <-chan struct{} {
	if ev.Socket == nil {
		return nil
	}
	if began := ev.Socket.disconnectStarted(); began != closedChannel {
		return began
	}
	return nil
}

// AwaitQueue waits until at most half of max_queue waits for the client of the event's
// socket, or until its connection closes. A handler that emits on and on calls it so that
// the client is not closed as slow. The error is the one of ctx.
func (ev *Event) AwaitQueue(ctx context.Context) error {
	if ev.Socket == nil {
		return nil
	}
	return ev.Socket.client.session.AwaitQueue(ctx)
}
