package redisadapter

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

func TestStreamsOperationsReachTheOtherNode(t *testing.T) {
	a, b := streamsSuite.OpenPair(t, redistest.Start(t), "/chat")
	ops := redistest.Operations()
	for _, op := range ops {
		a.Publish(op)
	}
	for _, want := range ops {
		if got := withoutOffset(t, b.NextOperation()); !redistest.EqualOperations(got, want) {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	}
	b.Emit("back")
	if got := a.NextEmit(); got.Data.String() != `["e","back"]` {
		t.Errorf("own operations come back: %+v", got)
	}
}

// withoutOffset takes the offset away that every event of the stream has.
func withoutOffset(t *testing.T, op cluster.Operation) cluster.Operation {
	emit, ok := op.(cluster.Emit)
	if !ok {
		return op
	}
	if !isEntryID(emit.Offset) {
		t.Errorf("%+v has no offset", emit)
	}
	emit.Offset = ""
	return emit
}
