package hub

import (
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/internal/roster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// readRoster calls fn with the roster, and reports whether there is one. The lock is held
// meanwhile.
func (ns *Namespace) readRoster(fn func(r *roster.Roster)) bool {
	t := ns.tracker.Load()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(t.roster)
	return true
}

// isLeader reports whether this node is the one of the namespace that does a thing which
// only one node may do. No node is until some seconds after the first one started, and
// after the former one was killed.
func (ns *Namespace) isLeader() (leads bool) {
	return !ns.readRoster(func(r *roster.Roster) { leads = r.Leads() }) || leads
}

// RoomMembers returns the first members of a room on all nodes, in the order of their
// keys, as a JSON array of [Member]. It is empty for a room without [Presence].
func (ev *Event) RoomMembers(room string) sio.Data {
	page, _, _ := ev.Namespace().Members(room, "", MaxMembers)
	if len(page) == 0 {
		return noArgs
	}
	list, _ := json.Marshal(page) // the data of members is JSON
	return sio.Data{JSON: list}
}

// RoomMemberCount returns the number of members of a room on all nodes.
func (ev *Event) RoomMemberCount(room string) (n int) {
	ev.Namespace().readRoster(func(r *roster.Roster) { n = r.MemberCount(room) })
	return n
}

// ClusterRoomSize returns the number of sockets in a room on all nodes. The other nodes
// report it, with a delay, if their configs have the room in
// [NamespaceConfig.ClusterRooms]. The socket of a connect event counts as in
// [Event.RoomSize].
func (ev *Event) ClusterRoomSize(room string) int {
	ns := ev.Namespace()
	return ns.clusterCount(room, ns.index.Size(room), ev.RoomSize(room))
}

// ClusterSize returns the number of sockets of the namespace on all nodes. The other nodes
// report it, with a delay, if their configs have [NamespaceConfig.ClusterSize].
func (ev *Event) ClusterSize() int {
	ns := ev.Namespace()
	return ns.clusterCount("", ns.index.Len(), ev.NamespaceSize())
}

// clusterCount returns a size in the roster. own is the part of this node that the roster
// has or gets, counted the one of the event.
func (ns *Namespace) clusterCount(room string, own, counted int) (n int) {
	ns.readRoster(func(r *roster.Roster) { n = r.Size(room) })
	return max(n, own) + counted - own
}
