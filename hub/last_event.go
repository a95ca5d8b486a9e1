package hub

import (
	"strings"
	"time"
)

// LastEvent is the event of a client that was handled last.
type LastEvent struct {
	// Name is the name of the event, cut to 200 bytes.
	Name string `json:"name"`
	// Time is when its handlers were called.
	Time time.Time `json:"time"`
	// Rule is the events of the rule that matched it, as in the config. It is empty if none
	// did.
	Rule string `json:"rule"`
}

// noteLastEvent keeps the name of an event whose handlers are about to be called, and of its
// rule, nil for none. A socket without events has no memory for it.
func (s *Socket) noteLastEvent(ev *Event, r *rule) {
	label, now := "", time.Now()
	if r != nil {
		label = r.label
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastEvent == nil {
		s.lastEvent = new(LastEvent)
	}
	if s.lastEvent.Name != ev.Name { // a copy: the name is a part of the client's packet
		s.lastEvent.Name = strings.Clone(shortenText(ev.Name))
	}
	s.lastEvent.Time, s.lastEvent.Rule = now, label
}

// copyLastEvent returns the last event, nil if there was none.
func (s *Socket) copyLastEvent() *LastEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastEvent == nil {
		return nil
	}
	last := *s.lastEvent
	return &last
}
