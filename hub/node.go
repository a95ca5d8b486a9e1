package hub

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// node is a namespace as the adapters of a cluster see it: the sockets and rooms of
// this node.
type node struct{ ns *Namespace }

var _ cluster.RoomWatcher = node{}

// Apply implements [cluster.Node].
func (n node) Apply(op cluster.Operation) {
	if err := n.ns.applyPublished(op); err != nil {
		n.ns.log().Error("operation of another node failed", zap.String("namespace", n.ns.name), zap.Error(err))
	}
}

// Reply implements [cluster.Node]. It returns no error: the node that made the request
// counts the replies.
func (n node) Reply(ctx context.Context, q cluster.Request, reply func(cluster.Reply)) {
	if q, ok := q.(cluster.FetchSockets); ok {
		n.ns.replyFetched(q, reply)
		return
	}
	_ = n.ns.replyLocally(ctx, q, reply)
}

// HasRoom implements [cluster.RoomWatcher]. With recovery it is true for every room: a
// lost socket may be in it.
func (n node) HasRoom(room string) bool {
	return n.ns.index.Size(room) > 0 || n.ns.recorder() != nil
}
