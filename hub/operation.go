package hub

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// Do applies an operation to the sockets of this node, records it for sockets that are
// lost, and publishes it to the other nodes, unless it is a local emit. Each operation on
// several sockets passes through Do. It returns the number of sockets of this node that it
// was applied to. The error says that the operation is invalid. If the other nodes are out
// of reach, Do counts that and returns no error.
func (ns *Namespace) Do(op cluster.Operation) (int, error) {
	if emit, ok := op.(cluster.Emit); ok && emit.Local {
		return ns.doWithin(cluster.ThisNode, op)
	}
	if err := checkServerEmit(op); err != nil {
		return 0, err
	}
	return ns.doWithin(cluster.AllNodes, op)
}

// doWithin is Do for a scope.
func (ns *Namespace) doWithin(scope cluster.Scope, op cluster.Operation) (n int, err error) {
	var plain *eio.Message // of an emit
	emit, isEmit := op.(cluster.Emit)
	if isEmit {
		plain, err = emit.Encode(ns.name, "")
	}
	if err != nil || cluster.TargetsNone(op) {
		return 0, err
	}
	r := ns.recorder()
	switch {
	case r != nil && isEmit:
		return ns.recordEmit(r, op, scope, plain, nil), nil
	case r != nil:
		// It is recorded first: a socket that is being restored gets it from the log, or
		// here, or both.
		ns.countUnpublished(r.Record(op, scope, 0, nil))
		return ns.applyToSockets(op), nil
	case isEmit:
		n = ns.deliverEmit(nil, &emit, plain, nil)
	default:
		n = ns.applyToSockets(op)
	}
	if scope == cluster.AllNodes {
		ns.countUnpublished(ns.link.Load().publish(ns.log(), op))
	}
	return n, nil
}

// emitOnly emits an encoded event to the emitter's socket, and records it. It reports whether the
// event was queued for the socket. It is Do for a target that is the socket's own room,
// but it looks up no room and publishes nothing: without recovery it costs one delivery.
func (ns *Namespace) emitOnly(e Emitter, data sio.Data, plain *eio.Message) bool {
	s, flags, r := e.socket, e.flags, ns.recorder()
	if r == nil || s.pid == "" {
		ns.observeEmit(everySocket, data, s)
		if e.reply && !flags.Volatile {
			return s.noteDelivery(s.sendReply(plain))
		}
		return s.deliverAlone(delivery{message: plain, volatile: flags.Volatile})
	}
	op := cluster.Emit{Target: s.onlyTarget(), Flags: flags, Data: data}
	return ns.recordEmit(r, op, cluster.OneSocket, plain, s) > 0
}

// countUnpublished counts an operation that was not published because of err, if that is
// not nil.
func (ns *Namespace) countUnpublished(err error) {
	if err == nil {
		return
	}
	ns.hub.stats.unpublished.Add(1)
	if e := ns.log().Check(zap.DebugLevel, "publishing to other nodes failed"); e != nil {
		e.Write(zap.String("namespace", ns.name), zap.Error(err))
	}
}

// applyPublished applies an operation of another node to the sockets of this one. The
// error says that an event is invalid.
func (ns *Namespace) applyPublished(op cluster.Operation) error {
	if emit, ok := op.(cluster.ServerEmit); ok {
		ns.handleServerEmit(emit)
		return nil
	}
	emit, isEmit := op.(cluster.Emit)
	if !isEmit {
		ns.applyToSockets(op)
		return nil
	}
	plain, err := emit.Encode(ns.name, "")
	if err == nil {
		ns.deliverEmit(ns.recorder(), &emit, plain, nil)
	}
	return err
}

// applyToSockets applies a Join, Leave, SetData or Disconnect to the sockets of its target. It
// returns their number.
func (ns *Namespace) applyToSockets(op cluster.Operation) int {
	switch op := op.(type) {
	case cluster.Join:
		if CheckRooms(op.Rooms) != nil {
			return 0 // no socket joins any of them
		}
		return ns.forEachSocket(op.Target, func(s *Socket) bool { return s.Join(op.Rooms...) == nil })
	case cluster.Leave:
		return ns.forEachSocket(op.Target, func(s *Socket) bool { s.Leave(op.Rooms...); return true })
	case cluster.SetData:
		return ns.forEachSocket(op.Target, func(s *Socket) bool { return s.Set(op.Key, op.Value) == nil })
	case cluster.Disconnect:
		return ns.forEachSocket(op.Target, func(s *Socket) bool {
			alive := s.state.Load() < stateDisconnecting
			s.Disconnect(op.Close)
			return alive
		})
	}
	return 0
}
