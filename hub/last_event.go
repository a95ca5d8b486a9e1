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

// lastEvent is a [LastEvent] as a socket keeps it.
type lastEvent struct {
	name, rule string
	at         int64 // a time of readClock, which costs half of a time of day
}

// noteLastEvent keeps the name of an event whose handlers are about to be called, and of its
// rule, nil for none. A socket without events has no memory for it.
func (s *Socket) noteLastEvent(ev *Event, r *rule) {
	label, now := "", readClock()
	if r != nil {
		label = r.label
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastEvent == nil {
		s.lastEvent = new(lastEvent)
	}
	switch ev.Name {
	case s.lastEvent.name:
	case label: // most rules have one event
		s.lastEvent.name = label
	default: // a copy: the name is a part of the client's packet
		s.lastEvent.name = strings.Clone(shortenText(ev.Name))
	}
	s.lastEvent.at, s.lastEvent.rule = now, label
}

// copyLastEvent returns the last event, nil if there was none.
func (s *Socket) copyLastEvent() *LastEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastEvent == nil {
		return nil
	}
	last := s.lastEvent
	return &LastEvent{Name: shortenText(last.name), Time: time.Now().Add(time.Duration(last.at - readClock())), Rule: last.rule}
}
