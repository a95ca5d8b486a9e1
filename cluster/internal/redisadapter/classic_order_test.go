package redisadapter

import (
	"context"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

func TestOperationsReachTheOtherNode(t *testing.T) {
	a, b := classicSuite.OpenPair(t, redistest.Start(t), "/chat")
	ops := redistest.Operations()
	for _, op := range ops {
		a.Publish(op)
	}
	a.Publish(cluster.Join{Target: rooms.Target{In: []string{"r1"}}}) // without rooms: not published
	for _, want := range ops {
		if got := b.NextOperation(); !redistest.EqualOperations(got, want) {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	}
	b.Emit("back")
	if got := a.NextEmit(); got.Data.String() != `["e","back"]` {
		t.Errorf("own operations come back: %+v", got)
	}
	published := uint64(len(ops))
	redistest.Eventually(t, "the delays of all messages are counted", func() bool {
		sent, received := connectionOf(a).describeState(), connectionOf(b).describeState()
		return sent.PublishTimes.Count >= published && received.ApplyTimes.Count >= published
	})
}

// TestEmitWithAckKeepsOrder has a node reply slowly: later emits must not overtake.
func TestEmitWithAckKeepsOrder(t *testing.T) {
	a, b := classicSuite.OpenPair(t, redistest.Start(t), "/")
	requested, release := make(chan struct{}), make(chan struct{})
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		close(requested)
		<-release
		b.Applied <- q.(cluster.EmitAck).Emit
		reply(cluster.ClientCount(0))
	}
	done := make(chan error)
	go func() {
		_, err := a.Request(cluster.EmitAck{Emit: cluster.Emit{Data: redistest.NewEvent("e", "first")}})
		done <- err
	}()
	<-requested
	a.Emit("second")
	close(release)
	if first, second := b.NextEmit(), b.NextEmit(); first.Data.String() != `["e","first"]` || second.Data.String() != `["e","second"]` {
		t.Errorf("%s, %s", first.Data, second.Data)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
