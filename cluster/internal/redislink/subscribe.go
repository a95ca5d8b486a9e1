package redislink

import (
	"context"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
)

// refusalTime is the time after which Redis is asked again what it refused.
const refusalTime = 30 * time.Second

// Subscriber subscribes for lines, all at once. Redis has confirmed that when a method
// returns.
type Subscriber[L Line] interface {
	Subscribe(ctx context.Context, lines []L) error
	Unsubscribe(ctx context.Context, lines []L) error
	// Refused is told what Redis said when it refused a single line. An error ends
	// the session.
	Refused(ctx context.Context, ln L, refusal error) error
}

// Subscribe makes the subscriptions those of the lines.
func (l *Link[L]) Subscribe(s *Session[L], sub Subscriber[L]) error {
	add, remove, _ := l.Pending(s)
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, redisconn.CommandTimeout)
	defer cancel()
	for lines := range slices.Chunk(remove, 256) {
		if err := sub.Unsubscribe(ctx, lines); err != nil {
			return err
		}
		l.Gone(s, lines)
	}
	for lines := range slices.Chunk(add, 256) {
		err := sub.Subscribe(ctx, lines)
		if err == nil {
			l.Settled(s, lines, nil)
			continue
		}
		if _, refused := rueidis.IsRedisErr(err); !refused {
			return err
		}
		for _, ln := range lines { // one of them is at fault
			if err := l.try(ctx, s, sub, ln); err != nil {
				return err
			}
		}
	}
	return nil
}

// try subscribes to one line, or notes that Redis does not want that.
func (l *Link[L]) try(ctx context.Context, s *Session[L], sub Subscriber[L], ln L) error {
	one := []L{ln}
	err := sub.Subscribe(ctx, one)
	if _, refused := rueidis.IsRedisErr(err); refused {
		if err := sub.Refused(ctx, ln, err); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	l.Settled(s, one, err)
	return nil
}

// Pending returns lines that s has to subscribe to, and to unsubscribe from: of
// those that have come or gone since the last time or, at first, of all. When it is
// time to try again what Redis refused, it returns the lines that it did not refuse,
// too: it may have refused a part of them.
func (l *Link[L]) Pending(s *Session[L]) (add, remove, again []L) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.fresh {
		s.fresh = false
		for _, ln := range l.lines {
			l.unsettled[ln] = struct{}{}
		}
	}
	if s.pardoned {
		again = s.pardon(l.unsettled)
	}
	for ln := range l.unsettled {
		_, known := s.lines[ln]
		switch wanted := l.lines[ln.ID()] == ln; {
		case wanted && !known:
			add = append(add, ln)
		case !wanted && known:
			remove = append(remove, ln)
		}
	}
	clear(l.unsettled)
	return add, remove, again
}

// pardon forgets which lines were refused, and returns the others. The caller holds the
// link's mu.
func (s *Session[L]) pardon(unsettled map[L]struct{}) (others []L) {
	for ln, refusal := range s.lines {
		if refusal != nil {
			delete(s.lines, ln)
			unsettled[ln] = struct{}{}
		} else {
			others = append(others, ln)
		}
	}
	s.pardoned, s.again = false, nil
	return others
}

// TryAgain has the session try what Redis refused.
func (l *Link[L]) TryAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.pardoned = true
		l.notify()
	}
}

// TryLater has s try again in a while what Redis refused besides whole lines.
func (l *Link[L]) TryLater(s *Session[L]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.retry()
}

// retry has what was refused tried again in a while. The caller holds the link's mu.
func (s *Session[L]) retry() {
	if s.again == nil {
		s.again = time.After(refusalTime)
	}
}

// Settled notes that lines are subscribed, or were refused, and tells who waits for
// that.
func (l *Link[L]) Settled(s *Session[L], lines []L, refusal error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range lines {
		s.lines[ln] = refusal
	}
	if refusal != nil {
		s.retry()
	}
	l.tell(s)
}

// Gone notes that lines are not subscribed any more.
func (l *Link[L]) Gone(s *Session[L], lines []L) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range lines {
		delete(s.lines, ln)
	}
	l.tell(s)
}

// tell tells of a change of the session, if it is the current one. The caller holds mu.
func (l *Link[L]) tell(s *Session[L]) {
	if l.session == s {
		l.notify()
	}
}
