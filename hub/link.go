package hub

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/memory"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

// link is a namespace's end of a cluster. Adapters may be guest modules: a panic of one
// becomes an error, so that it costs no socket its connection, no config its reload, and no
// namespace its order.
type link struct {
	cluster cluster.Cluster
	adapter cluster.Recorder // over cluster.Alone if the cluster could not be opened
	// sharesLog is true if the nodes share a recovery log: an emit may wait for its offset.
	sharesLog bool
}

// publish publishes an operation to the other nodes.
func (l *link) publish(log *zap.Logger, op cluster.Operation) (err error) {
	defer spawn.RecoverError(log, "publish of an adapter", &err)
	return l.adapter.Publish(op)
}

// request sends a request to the other nodes, and calls each for every reply.
func (l *link) request(ctx context.Context, log *zap.Logger, q cluster.Request, each func(cluster.Reply)) (err error) {
	defer spawn.RecoverError(log, "request of an adapter", &err)
	return l.adapter.Request(ctx, q, each)
}

// closeAdapter closes the namespace in the cluster.
func (l *link) closeAdapter(log *zap.Logger) (err error) {
	defer spawn.RecoverError(log, "close of an adapter", &err)
	return l.adapter.Close()
}

// readState returns the state of a cluster.
func readState(c cluster.Cluster, log *zap.Logger) (state cluster.State) {
	var err error
	defer func() {
		if err != nil {
			state.Error = err.Error()
		}
	}()
	defer spawn.RecoverError(log, "state of an adapter", &err)
	return c.State()
}

// ClusterState returns the state of the hub's cluster. ok is false if it has no other nodes.
func (h *Hub) ClusterState() (state cluster.State, ok bool) {
	c := h.Cluster()
	if c == nil {
		return state, false
	}
	return readState(c, h.log()), true
}

// updateLink opens the namespace in the hub's cluster, unless it is open there. A namespace
// that was removed from the hub closes its adapter.
func (ns *Namespace) updateLink() {
	old := ns.replaceLink()
	ns.updateTracker() // it says goodbye over the old adapter
	if old != nil {
		if err := old.closeAdapter(ns.log()); err != nil {
			ns.log().Error("closing the adapter of a namespace failed", zap.String("namespace", ns.name), zap.Error(err))
		}
	}
}

// replaceLink returns the former link if it replaced it. A cluster that panics is not
// opened again.
func (ns *Namespace) replaceLink() (old *link) {
	ns.linkMu.Lock()
	defer ns.linkMu.Unlock()
	c := ns.hub.clusterFor(ns)
	if old = ns.link.Load(); c == old.cluster {
		return nil
	}
	ns.link.Store(&link{cluster: c, adapter: old.adapter, sharesLog: old.sharesLog})
	ns.link.Store(ns.openLink(c))
	return old
}

// openLink opens the namespace in a cluster. If that fails, the namespace is alone.
func (ns *Namespace) openLink(c cluster.Cluster) *link {
	adapter, err := ns.openAdapter(c)
	if err != nil {
		ns.log().Error("namespace is not shared with other nodes", zap.String("namespace", ns.name), zap.Error(err))
		adapter, _ = ns.recoveryLog.Open(cluster.Alone, node{ns}) // never fails
	}
	return &link{cluster: c, adapter: adapter, sharesLog: !memory.IsRecorder(adapter)}
}

// openAdapter opens the namespace in a cluster.
func (ns *Namespace) openAdapter(c cluster.Cluster) (adapter cluster.Recorder, err error) {
	defer spawn.RecoverError(ns.log(), "open of an adapter", &err)
	return ns.recoveryLog.Open(c, node{ns})
}
