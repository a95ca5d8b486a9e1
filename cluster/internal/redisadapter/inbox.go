package redisadapter

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/redis/rueidis"
)

// delivery is a message or an entry that was received.
type delivery struct {
	kind    deliveryKind
	ordered bool   // an orderedDelivery that has waited for its entry
	room    string // whose channel an emitDelivery arrived by; "" for the common one
	payload string
	entry   rueidis.XRangeEntry // of an entryDelivery
	arrived time.Time
}

type deliveryKind uint8

const (
	emitDelivery    deliveryKind = iota // classic
	requestDelivery                     // classic
	replyDelivery                       // classic, sharded
	shardedDelivery                     // any message of the sharded dialect
	orderedDelivery                     // any message of the streams dialect, which may wait for an entry
	entryDelivery                       // of a stream
)

// size returns the memory that a delivery takes.
func (d *delivery) size() int64 { return int64(len(d.payload)) + messageOverhead }

// inbox holds the deliveries of a namespace until one goroutine handles them, in order.
// The goroutine ends when the inbox is empty. When handling one panics, it continues with
// the next.
type inbox struct {
	// Static after construction.
	namespace *namespace
	worker    *spawn.Task

	mu         sync.Mutex // guards the following; a leaf
	deliveries []delivery
	working    bool // the goroutine runs
}

// newInbox returns the inbox of a namespace.
func newInbox(ns *namespace) *inbox {
	in := &inbox{namespace: ns}
	in.worker = spawn.NewTask(ns.conn.log, ns.conn.name+": apply", in.handleDeliveries, func() { in.worker.Start() })
	return in
}

// pushDelivery adds a delivery, whose bytes the caller has counted.
func (in *inbox) pushDelivery(d delivery) {
	in.mu.Lock()
	defer in.mu.Unlock()
	d.arrived = time.Now()
	in.deliveries = append(in.deliveries, d)
	if !in.working {
		in.working = true
		in.worker.Start()
	}
}

// dropAll drops all deliveries.
func (in *inbox) dropAll() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range in.deliveries {
		in.namespace.conn.releaseInbound(in.deliveries[i].size())
	}
	in.deliveries = nil
}

// isIdle reports whether no delivery waits or is being handled.
func (in *inbox) isIdle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.working
}

// shift removes the next delivery.
func (in *inbox) shift() (d delivery, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.deliveries) == 0 {
		in.working = false
		return d, false
	}
	d = in.deliveries[0]
	clear(in.deliveries[:1]) // so that the array behind it keeps no message
	if in.deliveries = in.deliveries[1:]; len(in.deliveries) == 0 {
		in.deliveries = nil
	}
	in.namespace.conn.releaseInbound(d.size())
	return d, true
}

// handleDeliveries handles deliveries until there are none.
func (in *inbox) handleDeliveries() {
	for d, ok := in.shift(); ok; d, ok = in.shift() {
		if err := in.namespace.codec.handleDelivery(d); err != nil {
			in.namespace.conn.countMalformed(in.namespace, err)
		}
		in.namespace.conn.applyTimes.Observe(int64(time.Since(d.arrived)))
	}
}
