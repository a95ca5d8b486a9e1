package redistest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Operations returns operations of all kinds.
func Operations() []cluster.Operation {
	target := rooms.Target{In: []string{"r1", "r2"}, Except: []string{"r9"}}
	trace := cluster.ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	return []cluster.Operation{
		cluster.Emit{Data: NewEvent("all", 1)},
		cluster.Emit{Target: rooms.Target{In: []string{"r#1/é"}}, Data: NewEvent("room", "x", []byte{1, 2, 3}, map[string]any{"b": []byte{}})},
		cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: NewEvent("rooms")},
		cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true}, Data: NewEvent("traced"), Trace: trace},
		cluster.Join{Target: target, Rooms: []string{"a", "b"}},
		cluster.Leave{Target: target, Rooms: []string{"c"}},
		cluster.SetData{Target: target, Key: "k.é", Value: sio.Data{JSON: []byte(`{"a":[{"_placeholder":true,"num":0},1]}`), Attachments: [][]byte{{1, 2}}}},
		cluster.SetData{Key: "none", Value: sio.Data{JSON: []byte("null")}},
		cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}, Close: true},
		cluster.Disconnect{Target: rooms.Target{In: []string{"x"}}},
		cluster.ServerEmit{Data: NewEvent("hello", "x", map[string]any{"y": 1})},
	}
}

// testOrder checks that operations arrive in the order in which they were published.
func (e *Suite) testOrder(t *testing.T) {
	a, b := e.OpenPair(t, Start(t), "/")
	const n = 5000
	for i := range n {
		if i%5 == 0 {
			a.Publish(cluster.Join{Rooms: []string{fmt.Sprint(i)}})
		} else {
			a.Emit(fmt.Sprint(i), "room")
		}
	}
	for i := range n {
		got := fmt.Sprintf("%+v", b.NextOperation())
		if i%5 == 0 {
			if !strings.Contains(got, fmt.Sprint("Rooms:[", i, "]")) {
				t.Fatalf("%d: %s", i, got)
			}
		} else if !strings.Contains(got, fmt.Sprintf(`["e","%d"]`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
}
