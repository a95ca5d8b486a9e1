package nearest

import "testing"

func TestDistanceCountsMistakes(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"join", "join", 0},
		{"jion", "join", 1},
		{"sockt", "socket", 1},
		{"emitt", "emit", 1},
		{"emot", "emit", 1},
		{"", "ack", 3},
		{"größe", "größen", 1},
		{"leave", "backend", 6},
	} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("%s, %s: got %d, want %d", test.a, test.b, got, test.want)
		}
		if got := Distance(test.b, test.a); got != test.want {
			t.Errorf("%s, %s: got %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestFindReturnsNearestWord(t *testing.T) {
	known := []string{"ack", "backend", "disconnect", "emit", "join", "leave"}
	for word, want := range map[string]string{
		"jion": "join", "disconect": "disconnect", "emits": "emit", "broadcast": "", "a": "", "acc": "ack", "": "",
	} {
		if got := Find(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
