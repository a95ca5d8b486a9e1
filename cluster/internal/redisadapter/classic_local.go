package redisadapter

import (
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// hasSocket reports whether a socket is on this node.
func (ns *namespace) hasSocket(id string) bool {
	for _, s := range ns.localSockets([]string{id}) {
		if s.ID == id {
			return true
		}
	}
	return false
}

// socketIDs returns the ids of this node's sockets in rooms.
func (ns *namespace) socketIDs(in []string) []string {
	ids := []string{}
	for _, s := range ns.localSockets(in) {
		ids = append(ids, s.ID)
	}
	return ids
}

// localSockets returns this node's sockets in rooms.
func (ns *namespace) localSockets(in []string) (found cluster.Sockets) {
	var mu sync.Mutex // guards found: the node may reply on any goroutine
	ns.requestNode(cluster.FetchSockets{Target: rooms.Target{In: in}}, 0, func(reply cluster.Reply) {
		mu.Lock()
		defer mu.Unlock()
		if sockets, ok := reply.(cluster.Sockets); ok {
			found = sockets
		}
	}, func() {})
	mu.Lock()
	defer mu.Unlock()
	return found
}

// localRooms returns this node's rooms.
func (ns *namespace) localRooms() []string {
	found := make(chan []string, 1)
	ns.requestNode(cluster.AllRooms{}, 0, func(reply cluster.Reply) {
		if names, ok := reply.(cluster.Rooms); ok {
			select {
			case found <- names:
			default:
			}
		}
	}, func() {})
	select {
	case names := <-found:
		return append([]string{}, names...)
	default:
		return []string{}
	}
}
