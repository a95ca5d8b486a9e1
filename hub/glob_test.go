package hub

import (
	"strings"
	"testing"
	"testing/synctest"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, text string
		sealed, want  bool
	}{
		{"a", "a", false, true},
		{"a", "b", false, false},
		{"*", "", false, true},
		{"*", "a/b", false, true},
		{"*", "a/b", true, false},
		{"/org-*", "/org-1", true, true},
		{"/org-*", "/org-", true, true},
		{"/org-*", "/org-1/x", true, false},
		{"/org-*/room-*", "/org-1/room-2", true, true},
		{"/org-*/room-*", "/org-1/2/room-3", true, false},
		{"/*/x", "/a/x", true, true},
		{"/*/x", "/a/b/x", true, false},
		{"a*a", "a", false, false},
		{"a*a", "aa", false, true},
		{"a*b*c", "axxbyyc", false, true},
		{"a*b*c", "acb", false, false},
		{"*b*", "abc", false, true},
		{"**", "x", false, true},
	}
	for _, tt := range tests {
		if got := newGlob(tt.pattern, tt.sealed).match(tt.text); got != tt.want {
			t.Errorf("%q, %q, sealed %v: got %v", tt.pattern, tt.text, tt.sealed, got)
		}
	}
}

func TestMatcher(t *testing.T) {
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
		if got := newMatcher(tt.events...).match(tt.ev); got != tt.want {
			t.Errorf("%q, %s %s: got %v", tt.events, tt.ev.Type, tt.ev.Name, got)
		}
	}
}

func TestInboxWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b inbox
		for i := range inboxEvents {
			if start := b.push(&Event{}, nil); start != (i == 0) {
				t.Fatalf("%d: start %v", i, start)
			}
		}
		pushed := make(chan bool, 1)
		go func() {
			b.push(&Event{Name: "late"}, nil)
			pushed <- true
		}()
		synctest.Wait()
		if len(pushed) > 0 {
			t.Fatal("a full inbox takes more")
		}
		b.next()
		<-pushed
		if b.pushLast(&Event{Name: "last"}) {
			t.Error("a second runner")
		}
		if b.push(&Event{}, nil) {
			t.Error("something after the last")
		}
		var names []string
		for {
			ev, ok := b.next()
			if !ok {
				break
			}
			names = append(names, ev.Name)
		}
		if got := strings.TrimLeft(strings.Join(names, " "), " "); got != "late last" {
			t.Errorf("got %q", got)
		}
	})
}

func TestInboxGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b inbox
		for range inboxEvents {
			b.push(&Event{}, nil)
		}
		done := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			b.push(&Event{}, done)
			close(ended)
		}()
		synctest.Wait()
		close(done)
		<-ended
	})
}
