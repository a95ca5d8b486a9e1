package socketio

import "github.com/caddy-socketio/caddy-socketio/internal/descriptors"

// notReady returns why this process should get no new clients at the moment, none if it
// should.
func notReady() (reasons []string) {
	if processMemory.Full() {
		reasons = append(reasons, "memory")
	}
	if descriptors.AreLow(descriptors.HandshakeReserve) {
		reasons = append(reasons, "descriptors")
	}
	if a := runningApps.newest(); a != nil && a.isClusterMissing() {
		reasons = append(reasons, "cluster")
	}
	if drainer.Refuses() {
		reasons = append(reasons, "draining")
	}
	if shutdownContext.Err() != nil {
		reasons = append(reasons, "shutdown")
	}
	return reasons
}

// isClusterMissing reports whether the cluster is marked as required, and a hub can't reach it.
func (a *App) isClusterMissing() bool {
	adapter, ok := a.adapter.(RequirableAdapter)
	if !ok || !adapter.IsRequired() {
		return false
	}
	for h := range eachHub {
		if state, ok := h.ClusterState(); ok && !state.Connected {
			return true
		}
	}
	return false
}
