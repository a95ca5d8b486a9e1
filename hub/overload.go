package hub

import (
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/descriptors"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

// checkOverload returns why a new connection is refused at the moment, or "". It logs the
// refusals once a minute.
func (h *Hub) checkOverload(q *engine.Request) (reason string) {
	if h.drainer.Refuses() {
		return "draining"
	}
	if h.memory.Full() && h.memory.Refuses(address.KeyOf(q.Address)) { // which logs it
		return "memory"
	}
	if !descriptors.AreLow(descriptors.HandshakeReserve) {
		return ""
	}
	if h.overloadWarning.admit() {
		h.log().Warn("new connections are refused: file descriptors are almost exhausted",
			zap.String("hub", h.name), zap.Int("limit", descriptors.Limit()),
			zap.String("remedy", descriptors.Remedy))
	}
	return "descriptors"
}
