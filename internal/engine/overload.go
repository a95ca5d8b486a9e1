package engine

import (
	"maps"
	"sync"
)

// refusedClosed is the reason of a handshake whose session closed before its receiver accepted
// it, or was refused by it: a drain began, for instance, or the route was removed.
const refusedClosed = "closed"

// overloadCounts counts the handshakes refused with status 503, by reason. Reasons are few
// constants.
type overloadCounts struct {
	mu     sync.Mutex // guards counts; a leaf
	counts map[string]uint64
}

func (o *overloadCounts) addReason(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = make(map[string]uint64)
	}
	o.counts[reason]++
}

func (o *overloadCounts) copyCounts() map[string]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.counts)
}

// checkOverload refuses a handshake while the process is overloaded. A connection of
// HTTP/1 is closed, as it occupies a descriptor.
func (x *exchange) checkOverload() *refusal {
	overloaded := x.server.options.Overloaded
	if overloaded == nil {
		return nil
	}
	reason := overloaded(x.Request)
	if reason == "" {
		return nil
	}
	refused := x.refuseFull(reason)
	if x.R.ProtoMajor == 1 {
		x.W.Header().Set("Connection", "close")
	}
	return refused
}

// refuseFull counts a handshake that is refused with status 503.
func (x *exchange) refuseFull(reason string) *refusal {
	x.server.overload.addReason(reason)
	return refusedFull
}
