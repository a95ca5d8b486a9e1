package hub

import (
	"errors"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"go.uber.org/zap"
)

// recordTimeout bounds how long an emit waits for its offset. After a timeout, emits do
// not wait for as long.
const recordTimeout = time.Second

// emission is an emit on its way through a Recorder to the sockets of this node. It is
// pooled, and deliver is bound once, so that recording allocates nothing here.
type emission struct {
	ns       *Namespace
	recorder cluster.Recorder
	plain    *eio.Message // the event without an offset
	only     *Socket      // nil for the sockets of the emit's target
	reached  int
	deliver  func(cluster.Emit)
}

var emissions = sync.Pool{New: func() any {
	e := new(emission)
	e.deliver = func(op cluster.Emit) { e.reached = e.ns.deliverEmit(e.recorder, &op, e.plain, e.only) }
	return e
}}

// recordEmit has r record an emit and deliver it to the sockets of its target or, unless
// only is nil, to that socket. It returns the number of sockets that it was queued for. It
// waits for the event's offset, but not while offsets do not come in time.
func (ns *Namespace) recordEmit(r cluster.Recorder, op cluster.Operation, scope cluster.Scope, plain *eio.Message, only *Socket) int {
	wait := recordTimeout
	until := ns.skipRecorderUntil.Load()
	if op.(cluster.Emit).Volatile || scope == cluster.ThisNode || until != 0 && readClock() < until {
		wait = 0
	}
	e := emissions.Get().(*emission)
	e.ns, e.recorder, e.plain, e.only = ns, r, plain, only
	err := r.Record(op, scope, wait, e.deliver)
	reached := e.reached
	*e = emission{deliver: e.deliver}
	emissions.Put(e)

	switch {
	case !errors.Is(err, cluster.ErrNotRecorded):
		ns.countUnpublished(err)
		if wait > 0 && until != 0 {
			ns.skipRecorderUntil.Store(0)
		}
	case wait > 0:
		ns.skipRecorder(err)
	}
	return reached
}

// skipRecorder keeps emits from waiting for a while. It warns the first time.
func (ns *Namespace) skipRecorder(err error) {
	until := readClock() + int64(recordTimeout)
	if ns.skipRecorderUntil.Swap(until) == 0 {
		ns.log().Warn("events are not recorded: clients that recover may miss some", zap.String("namespace", ns.name), zap.Error(err))
	}
}
