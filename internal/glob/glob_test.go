package glob_test

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

func TestGlobMatch(t *testing.T) {
	tests := []struct {
		pattern, name  string
		segments, want bool
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
		g := glob.New(tt.pattern)
		if tt.segments {
			g = glob.NewSegments(tt.pattern)
		}
		if got := g.Match(tt.name); got != tt.want {
			t.Errorf("%q, %q, segments %v: got %v", tt.pattern, tt.name, tt.segments, got)
		}
	}
}

func TestListMatch(t *testing.T) {
	list := glob.NewSegmentsList([]string{"/chat", "/org-*"})
	for name, want := range map[string]bool{"/chat": true, "/org-1": true, "/org-1/x": false, "/chats": false, "": false} {
		if got := list.Match(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
