package hub

import "testing"

func TestEventMatcherMatchesNamesAndGlobs(t *testing.T) {
	tests := []struct {
		events []string
		ev     *Event
		want   bool
	}{
		{[]string{"*"}, &Event{Type: ClientEvent, Name: "x"}, true},
		{[]string{"*"}, &Event{Type: Connect, Name: "connect"}, false},
		{[]string{"dis*"}, &Event{Type: Disconnect, Name: "disconnect"}, false},
		{[]string{"x", "connect"}, &Event{Type: Connect, Name: "connect"}, true},
		{[]string{"connect"}, &Event{Type: ClientEvent, Name: "connect"}, false},
		{[]string{"disconnect"}, &Event{Type: Disconnecting, Name: "disconnecting"}, false},
		{[]string{"news:*"}, &Event{Type: ClientEvent, Name: "news:a"}, true},
	}
	for _, tt := range tests {
		if got := newEventMatcher(tt.events...).matchEvent(tt.ev); got != tt.want {
			t.Errorf("%q, %s %s: got %v", tt.events, tt.ev.Type, tt.ev.Name, got)
		}
	}
}
