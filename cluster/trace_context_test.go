package cluster

import "testing"

const sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// traceparents are headers, and how their trace contexts are written.
var traceparents = map[string]string{
	sampled: sampled,
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03":       sampled,
	"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":       sampled,
	"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later": sampled,
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00":       "",
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later": "",
	"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01later":  "",
	"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":       "",
	"00-00000000000000000000000000000000-00f067aa0ba902b7-01":       "",
	"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01":       "",
	"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01":       "",
	"00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01":       "",
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-x1":       "",
	"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":       "",
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7":          "",
	"": "",
}

func TestTraceparentIsReadAndWritten(t *testing.T) {
	for header, want := range traceparents {
		got := ""
		if c := ParseTraceparent(header); c != nil {
			got = c.String()
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", header, got, want)
		}
	}
}
