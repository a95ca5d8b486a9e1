package roster

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/table"
)

// node is a node of the cluster.
type node struct {
	id    string
	rank  uint64    // 0 before it has one
	leads bool      // in its own view
	term  uint64    // the last one in which it led; 0 if another leader knows its announcements
	heard time.Time // its last message
	// entries are the names of its entries. The values are marks, see below.
	entries table.Table[entryName, uint32]
	seq     uint64 // number of its last delta
	// Of another node.
	mark         uint32    // of entries that are newer than the begin of the snapshot
	transfer     *transfer // nil when its entries are complete
	comparedTerm uint64    // whose announcements were compared with the ones of this node
}

// transfer is the state of a snapshot that is being received.
type transfer struct {
	snapshot uint64 // 0 before the first part
	at       int    // the next part
	wanted   time.Time
}

// isComplete reports whether all entries of the node are known.
func (n *node) isComplete() bool { return n.transfer == nil }

// isElder reports whether n goes before another node with a rank.
func (n *node) isElder(other *node) bool {
	return n.rank < other.rank || n.rank == other.rank && n.id < other.id
}

// findLeader returns the node that leads, nil if none has a rank. This node waits a
// second after it got its rank: another one may have got the same.
func (r *Roster) findLeader() (leader *node) {
	consider := func(n *node) {
		if n.rank > 0 && (leader == nil || n.isElder(leader)) {
			leader = n
		}
	}
	if !r.leadsFrom.After(r.now) {
		consider(r.self)
	}
	for _, n := range r.nodes {
		consider(n)
	}
	return leader
}

// highestRank returns the highest rank of another node.
func (r *Roster) highestRank() (highest uint64) {
	for _, n := range r.nodes {
		highest = max(highest, n.rank)
	}
	return highest
}

// removeNode removes a node with its entries: it has been absent since a time.
func (r *Roster) removeNode(n *node, since time.Time) {
	delete(r.nodes, n.id)
	delete(r.snapshots, n.id)
	r.entries -= n.entries.Len()
	if n.leads {
		r.carryAnnouncements(n)
	}
	for name := range n.entries.All() {
		r.dropEntry(n, name, since)
	}
	r.updateLeader()
}

// extendLeases counts the leases of all nodes from now.
func (r *Roster) extendLeases() {
	for _, n := range r.nodes {
		n.heard = r.now
	}
}

// removeSilentNodes removes the nodes whose leases have ended.
func (r *Roster) removeSilentNodes() {
	for _, n := range r.nodes {
		if r.now.Sub(n.heard) >= lease {
			r.removeNode(n, n.heard)
		}
	}
}
