package socketio_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// wallClockUses are the files that convert a time to or from a number of the time of day,
// and why a change of the clock does no harm there. All other deadlines use the monotonic
// clock, which such a conversion drops.
var wallClockUses = map[string]string{
	"hub/remote_socket.go":                                 "when a client connected, for display",
	"internal/adminui/messages.go":                         "when something happened, for display",
	"hub/schedule.go":                                      "calls of every are due at multiples of the time of day; nextDue handles jumps",
	"cluster/internal/redisadapter/streams_lost_socket.go": "nodes compare it with their own clocks; a jump ends or extends recovery",
	"handlers/backend/signature.go":                        "the timestamp of a signature, which backends compare with their clocks",
	"internal/msgpack/extension.go":                        "a date in a message",
	"internal/engine/transfer.go":                          "a deadline in the past",
	"internal/api/stream.go":                               "a deadline in the past",
	"write_guard.go":                                       "a deadline in the past",
}

// TestDeadlinesAreMonotonic searches the source for times that lose their monotonic clock.
func TestDeadlinesAreMonotonic(t *testing.T) {
	conversions := []string{"Unix", "UnixNano", "UnixMilli", "UnixMicro", "Round"}
	found := make(map[string]bool)
	for _, p := range parseModule(t) {
		if strings.HasPrefix(p.dir, "test/") || strings.HasPrefix(p.dir, "bench") || strings.HasSuffix(p.dir, "test") {
			continue
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(conversions, f.Sel.Name) {
					place := p.set.Position(call.Pos())
					found[place.Filename] = true
					if wallClockUses[place.Filename] == "" {
						t.Errorf("%s: %s: use the monotonic clock, or list the file with a reason", place, f.Sel.Name)
					}
				}
				return true
			})
		}
	}
	for name := range wallClockUses {
		if !found[name] {
			t.Errorf("%s does not use the time of day: drop it from the list", name)
		}
	}
}
