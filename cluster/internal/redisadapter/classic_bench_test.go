package redisadapter

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

var benchEmit = cluster.Emit{
	Target: rooms.Target{In: []string{"lobby"}, Except: []string{"AAAAAAAAAAAAAAAAAAAA"}},
	Data:   redistest.NewEvent("message", map[string]any{"id": 12345, "user": map[string]any{"name": "Alice", "roles": []string{"admin"}}, "text": "The quick brown fox jumps over the lazy dog."}),
}

func BenchmarkEncodeEmit(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encodeEmit("g70-NQ", "/", &benchEmit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEmit(b *testing.B) {
	message, err := encodeEmit("g70-NQ", "/", &benchEmit)
	if err != nil {
		b.Fatal(err)
	}
	text := string(message)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := decodeEmit(text, "lobby", "me", "/"); !ok {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceive is the way of a message from one process to another.
func BenchmarkReceive(b *testing.B) {
	b.Run("classic", func(b *testing.B) { measureReceive(b, "") })
	for _, mode := range []Mode{Static, Dynamic} {
		b.Run("sharded "+string(mode), func(b *testing.B) { measureReceive(b, mode) })
	}
}

func measureReceive(b *testing.B, mode Mode) {
	s := redistest.Start(b)
	sender, receiver := openRoomNode(b, startNode(b, s, inMode(mode)), "/"), openRoomNode(b, startNode(b, s, inMode(mode)), "/", "lobby")
	sender.WaitNodes(2)
	if mode == Dynamic {
		waitSubscribers(b, s, "socket.io#/#lobby#", 1)
	}
	redistest.MeasureThroughput(b, sender.Node, receiver.Node, benchEmit)
}

func TestEmitsOfTheClassicAdapterAllocateLittle(t *testing.T) {
	message, err := encodeEmit("g70-NQ", "/", &benchEmit)
	if err != nil {
		t.Fatal(err)
	}
	text := string(message)
	for name, c := range map[string]struct {
		most float64
		run  func()
	}{
		"encode": {1, func() { _, _ = encodeEmit("g70-NQ", "/", &benchEmit) }},
		"decode": {4, func() { _, _, _ = decodeEmit(text, "lobby", "me", "/") }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n > c.most {
			t.Errorf("%s: %v allocations, at most %v may be", name, n, c.most)
		}
	}
}
