package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// Do does op to the sockets of this node and tells the other nodes, except of a
// local emit. It is the one door for whatever is done to many sockets. It returns
// the number of sockets of this node that it was done to. The error says that op
// can't be done anywhere; a cluster out of reach is none.
func (ns *Namespace) Do(op cluster.Operation) (int, error) {
	emit, ok := op.(cluster.Emit)
	return ns.do(op, ok && emit.Local)
}

func (ns *Namespace) do(op cluster.Operation, local bool) (int, error) {
	local = local || cluster.TargetsNone(op)
	if emit, ok := op.(cluster.Emit); ok && !local && !emit.Volatile {
		if r := ns.recorder(); r != nil {
			return ns.emitShared(r, emit)
		}
	}
	n, err := ns.apply(op)
	adapter := ns.adapter.Load()
	if err != nil || local || adapter == nil {
		return n, err
	}
	ns.published((*adapter).Publish(op))
	return n, nil
}

// published takes note of what became of telling the other nodes.
func (ns *Namespace) published(err error) {
	if err == nil {
		return
	}
	ns.hub.stats.unpublished.Add(1)
	if e := ns.log().Check(zap.DebugLevel, "other nodes not told"); e != nil {
		e.Write(zap.String("namespace", ns.name), zap.Error(err))
	}
}

func (ns *Namespace) apply(op cluster.Operation) (int, error) {
	switch op := op.(type) {
	case cluster.Emit:
		return ns.emit(op)
	case cluster.Join:
		if CheckRooms(op.Rooms) != nil {
			return 0, nil // no socket joins any of them
		}
		ns.recordOperation(op.Target, cluster.Join{Target: op.Target, Rooms: slices.Clone(op.Rooms)})
		return ns.each(op.Target, func(s *Socket) bool { return s.Join(op.Rooms...) == nil }), nil
	case cluster.Leave:
		ns.recordOperation(op.Target, cluster.Leave{Target: op.Target, Rooms: slices.Clone(op.Rooms)})
		return ns.each(op.Target, func(s *Socket) bool { s.Leave(op.Rooms...); return true }), nil
	case cluster.Disconnect:
		ns.recordOperation(op.Target, op)
		return ns.each(op.Target, func(s *Socket) bool {
			alive := s.state.Load() < stateDisconnecting
			s.Disconnect(op.Close)
			return alive
		}), nil
	}
	return 0, nil
}
