package engine

import (
	"maps"
	"net/http"
	"sync"
)

// refusedOverload refuses a handshake while the process is overloaded.
var refusedOverload = &refusal{4, http.StatusServiceUnavailable, "Service unavailable"}

// overloadCounts counts the handshakes refused because of an overload, by reason. Reasons
// are few constants.
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
	x.server.overload.addReason(reason)
	if x.R.ProtoMajor == 1 {
		x.W.Header().Set("Connection", "close")
	}
	return refusedOverload
}
