package hub

import "github.com/caddy-socketio/caddy-socketio/internal/spawn"

// handleRoomEvent calls the handlers of RoomOccupied or RoomVacated, and returns when the
// last one has returned. An error or a panic is logged.
func (ns *Namespace) handleRoomEvent(t EventType, room string) {
	ev := &Event{Type: t, Name: string(t), Room: room, Args: noArgs, ns: ns}
	ns.callSocketFree(ev, func() error { return ns.callHandlers(ev) })
}

// callSocketFree calls the handlers of an event without a socket by call, and logs an
// error or a panic.
func (ns *Namespace) callSocketFree(ev *Event, call func() error) {
	spawn.Call(ns.log(), "namespace events", func() {
		if err := call(); err != nil {
			ns.hub.logEvent("event failed", ev, err)
		}
	}, func() {
		ns.hub.stats.panics.Add(1)
		ns.hub.logEvent("a handler of the event panicked", ev, errPanicked)
	})
}
