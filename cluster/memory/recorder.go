package memory

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// recorder is an adapter with a log.
type recorder struct {
	cluster.Adapter
	log *Log
}

// Open opens the namespace of the log in a cluster. If the cluster's adapter is a
// [cluster.Recorder] itself, Open returns it as it is. Otherwise the adapter gets the
// log, which also records the events and operations of other nodes from then on.
func (l *Log) Open(c cluster.Cluster, n cluster.Node) (cluster.Recorder, error) {
	recording := &recordingNode{Node: n, log: l}
	var node cluster.Node = recording
	if watcher, ok := n.(cluster.RoomWatcher); ok {
		node = watchedNode{recording, watcher}
	}
	adapter, err := c.Open(l.options.Namespace, node)
	if err != nil {
		return nil, err
	}
	if r, ok := adapter.(cluster.Recorder); ok {
		recording.off.Store(true)
		return r, nil
	}
	return recorder{adapter, l}, nil
}

// IsRecorder reports whether a Recorder that [Log.Open] returned has the log of this node
// alone, and so never waits for an offset.
func IsRecorder(r cluster.Recorder) bool {
	_, own := r.(recorder)
	return own
}

// recordingNode is a node that records the operations of other nodes.
type recordingNode struct {
	cluster.Node
	log *Log
	off atomic.Bool // the adapter records
}

// watchedNode is a recordingNode whose rooms an adapter watches.
type watchedNode struct {
	*recordingNode
	cluster.RoomWatcher
}

// Apply implements [cluster.Node].
func (n watchedNode) Apply(op cluster.Operation) { n.recordingNode.Apply(op) }

// Reply implements [cluster.Node].
func (n watchedNode) Reply(ctx context.Context, q cluster.Request, reply func(cluster.Reply)) {
	n.recordingNode.Reply(ctx, q, reply)
}

// Apply records an operation of another node, and has the hub apply it.
func (n *recordingNode) Apply(op cluster.Operation) {
	if n.off.Load() || n.log.options.RecoveryTime() == 0 {
		n.Node.Apply(op)
		return
	}
	emit, isEmit := op.(cluster.Emit)
	if !isEmit {
		n.log.recordOperation(op)
		n.Node.Apply(op)
		return
	}
	if n.log.deliverEmit(emit, func(emit cluster.Emit) { n.Node.Apply(emit) }) != nil {
		n.Node.Apply(op) // the hub returns the same error
	}
}

// Record records and publishes an operation. It does not wait. A local operation is
// recorded, too.
func (r recorder) Record(op cluster.Operation, scope cluster.Scope, _ time.Duration, deliver func(cluster.Emit)) error {
	if emit, isEmit := op.(cluster.Emit); !isEmit {
		r.log.recordOperation(op)
	} else if err := r.log.deliverEmit(emit, deliver); err != nil {
		return err
	}
	if scope != cluster.AllNodes {
		return nil
	}
	return r.Publish(op)
}

// DeliveredOffset returns the offset of the last entry.
func (r recorder) DeliveredOffset() string {
	r.log.mu.Lock()
	number := r.log.next - 1
	r.log.mu.Unlock()
	return r.log.formatOffset(number)
}

// OffsetBefore compares two offsets. An offset of another log comes before all.
func (r recorder) OffsetBefore(a, b string) bool {
	a, ok := strings.CutPrefix(a, r.log.epoch)
	if !ok {
		return true
	}
	b = strings.TrimPrefix(b, r.log.epoch)
	return len(a) < len(b) || len(a) == len(b) && a < b
}

// MayRestore reports whether a socket is saved under a pid.
func (r recorder) MayRestore(pid string) bool { return r.log.Contains(pid) }

// Save saves a lost socket for the log's recovery time: a config may lengthen it.
func (r recorder) Save(lost cluster.LostSocket, _ time.Duration) error {
	r.log.saveSocket(lost)
	return nil
}

// Update replaces the data and values of a lost socket.
func (r recorder) Update(lost cluster.LostSocket, _ time.Duration) error {
	r.log.updateSocket(lost)
	return nil
}

// Restore removes and returns the lost socket with a pid.
func (r recorder) Restore(_ context.Context, pid, offset string) (cluster.LostSocket, error) {
	return r.log.restoreSocket(pid, offset)
}

// CloseStale returns false: no other node has the lost sockets of this one.
func (r recorder) CloseStale(context.Context, string, string) bool { return false }

// SaveAgain saves a lost socket again.
func (r recorder) SaveAgain(lost cluster.LostSocket) error {
	r.log.saveSocket(lost)
	return nil
}

// Replay returns the part of the log that concerns a lost socket.
func (r recorder) Replay(_ context.Context, lost cluster.LostSocket) (replay cluster.Replay, err error) {
	events, ok := r.log.parseOffset(lost.Offset)
	if !ok {
		return replay, fmt.Errorf("%w: offset %q is of another recovery log", cluster.ErrNotRecoverable, lost.Offset)
	}
	operations := events
	if lost.Position != "" {
		if operations, ok = r.log.parseOffset(lost.Position); !ok {
			return replay, fmt.Errorf("%w: position %q is of another recovery log", cluster.ErrNotRecoverable, lost.Position)
		}
	}
	return r.log.readReplay(events, operations, lost.Rooms), nil
}
