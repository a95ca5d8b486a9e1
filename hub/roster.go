package hub

import "github.com/caddy-socketio/caddy-socketio/sio"

// isLeader reports whether this node is the one of the namespace that does a thing which
// only one node may do.
func (ns *Namespace) isLeader() bool { return true }

// roomMembers returns the first members of a room on all nodes, in the order of their
// keys, as a JSON array.
func (ns *Namespace) roomMembers(string) sio.Data { return noArgs }

// roomMemberCount returns the number of members of a room on all nodes.
func (ns *Namespace) roomMemberCount(string) int { return 0 }

// clusterRoomSize returns the number of sockets in a room on all nodes.
func (ns *Namespace) clusterRoomSize(room string) int { return ns.index.Size(room) }

// clusterSize returns the number of sockets of the namespace on all nodes.
func (ns *Namespace) clusterSize() int { return ns.Len() }

// handleRosterMessage handles a message of the roster of another node.
func (ns *Namespace) handleRosterMessage([]byte) {}
