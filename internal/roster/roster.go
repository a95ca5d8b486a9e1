package roster

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/table"
)

// Times of the protocol.
const (
	heartbeat  = 3 * time.Second
	lease      = 10 * time.Second // without a message, after which a node has left
	settleTime = 2 * time.Second  // between the opening of a node and its rank
	rankTime   = time.Second      // between the rank of a node and its lead
	wantRetry  = 3 * time.Second  // between two requests for the same part of a snapshot
	yieldTime  = 30 * time.Second // for which a former leader keeps its announcements
)

// Limits of the view.
const (
	maxNodes   = 1024
	maxEntries = 1_000_000 // of other nodes, together
	maxBytes   = 1 << 30   // of entries of other nodes and sizes of rooms, see [Roster.Memory]
	// maxDepartures is how many members may be absent at a time; more leave at once.
	maxDepartures = 100_000
)

// Options connect a roster with the hub. The functions are called while a method of the
// roster runs, and call none of it.
type Options struct {
	// ID identifies the node among all nodes that ever were.
	ID string
	// Send queues a message for all other nodes. Messages arrive in the order sent, or
	// are lost.
	Send func(message []byte)
	// Announce is called when a member joins a room or leaves it, in the view of this
	// node.
	Announce func(Announcement)
	// AnnounceRoom is called on the leader when a room becomes occupied or vacated. The
	// hub sends all queued messages before it runs the rules: a successor of this node
	// announces nothing twice.
	AnnounceRoom func(room string, occupied bool)
	// Grace returns how long a member of a room may be absent before it leaves.
	Grace func(room string) time.Duration
	// IsWatched reports whether the leader announces a room.
	IsWatched func(room string) bool
}

// Member is a member of a room.
type Member struct {
	// Key identifies the member in the room.
	Key string
	// Data is a JSON object.
	Data []byte
}

// Announcement says that a member joined a room, or left it.
type Announcement struct {
	Room   string
	Member Member
	Left   bool
}

// Roster is the view that one node has of a namespace in a cluster. It is not safe for
// concurrent use.
type Roster struct {
	options Options
	now     time.Time // of the last call
	ticked  time.Time // the last Tick
	self    *node
	nodes   map[string]*node // the others
	entries int              // of the others, together
	rooms   table.Table[string, *room]

	clustered bool      // there may be other nodes
	rankAt    time.Time // when this node gets its rank, if it has none
	leadsFrom time.Time // when this node may lead
	beatAt    time.Time // the next heartbeat
	yieldedAt time.Time // when this node stopped leading; zero without announcements
	offline   bool      // the adapter has no connection
	leads     bool      // this node leads
	term      uint64    // the last one that is known
	// carried are the rooms that a leader which left had announced as occupied, the one
	// of the last term; nil if none left.
	carried     map[string]bool
	carriedTerm uint64
	pending     []entry // changes to send; none if not clustered
	departures  departures
	absentBytes int                  // of absent members
	otherBytes  int                  // of entries but the members of this node
	snapshots   map[string]*snapshot // by the id of the node that requests it
	lastNumber  uint64               // of a snapshot
	malformed   uint64
}

// New returns the view of a node that is not open yet.
func New(o Options) *Roster {
	return &Roster{
		options: o, self: &node{id: o.ID}, nodes: make(map[string]*node),
		snapshots: make(map[string]*snapshot),
	}
}

// Open begins to exchange messages with other nodes. Without a cluster this node leads at
// once. [Roster.Close] comes before another Open.
func (r *Roster) Open(now time.Time, clustered bool) {
	r.now = now
	r.ticked = now
	r.clustered = clustered
	if !clustered {
		r.self.rank, r.leadsFrom = 1, now
		r.updateLeader()
		return
	}
	r.rankAt = now.Add(settleTime)
	r.sendMessage(message{Type: typeHello})
	r.beatAt = now.Add(heartbeat)
}

// Close says to the other nodes that this one leaves, and removes them. This node keeps
// its own entries. The announcements of the leader are kept for the next one, which this
// node may be after it opened again.
func (r *Roster) Close(now time.Time) {
	r.now = now
	r.Flush()
	r.sendMessage(message{Type: typeBye})
	r.clustered, r.self.rank = false, 0
	if r.leads {
		r.carryAnnouncements(r.self)
	}
	r.leads, r.self.term = false, 0
	r.dropAnnouncements()
	for _, n := range r.nodes {
		r.removeNode(n, now)
	}
}

// SetMember notes that this node has sockets of a key in a room. [CheckMember] accepts key and
// data. A silent member is not announced on this node.
func (r *Roster) SetMember(now time.Time, roomName, key string, data *Data, silent bool) {
	r.now = now
	version := uint64(1)
	if x, _ := r.rooms.Value(roomName); x != nil {
		if m := x.members.findMember(key); m != nil && len(m.holders) > 0 {
			if i := m.holderOf(r.self); i >= 0 && bytes.Equal(m.holders[i].data.JSON, data.JSON) {
				m.holders[i].data = data // the caller counts it, and may release the former one
				return
			}
			version = m.holders[m.current].version + 1
		}
	}
	r.changeOwn(entry{Kind: memberEntry, Room: roomName, Key: key, Data: data.JSON, shared: data, Number: version}, silent)
}

// RemoveMember notes that this node has no sockets of a key in a room any more.
func (r *Roster) RemoveMember(now time.Time, roomName, key string) {
	r.now = now
	r.changeOwn(entry{Kind: memberEntry, Room: roomName, Key: key}, false)
}

// SetSize notes how many sockets of this node are in a room or, for an empty name, in
// the namespace.
func (r *Roster) SetSize(now time.Time, roomName string, size int) {
	r.now = now
	if x, _ := r.rooms.Value(roomName); x != nil {
		for _, s := range x.sizes {
			if s.node == r.self && s.count == size {
				return
			}
		}
	}
	r.changeOwn(entry{Kind: sizeEntry, Room: roomName, Number: uint64(size)}, false)
}

// changeOwn changes an entry of this node. It does nothing if the entry to remove does
// not exist.
func (r *Roster) changeOwn(e entry, silent bool) {
	if e.isRemoved() {
		if _, ok := r.self.entries.Value(e.name()); !ok {
			return
		}
	}
	if r.clustered {
		r.pending = append(r.pending, e)
	}
	if e.isRemoved() {
		r.dropEntry(r.self, e.name(), r.now)
	} else {
		r.putEntry(r.self, &e, silent)
	}
}

// Flush sends the changes since the last call.
func (r *Roster) Flush() {
	pending := r.pending
	r.pending = nil
	for len(pending) > 0 {
		size, n := 0, 0
		for n < len(pending) && size < chunkBytes {
			size += pending[n].wireSize()
			n++
		}
		r.self.seq++
		r.sendMessage(message{Type: typeDelta, Entries: pending[:n]})
		pending = pending[n:]
	}
}

// sendMessage sends a message of this node.
func (r *Roster) sendMessage(m message) {
	if !r.clustered {
		return
	}
	m.Version, m.From, m.Seq = protocolVersion, r.options.ID, r.self.seq
	m.Rank, m.Term, m.Leads = r.self.rank, r.self.term, r.leads
	payload, err := json.Marshal(&m)
	if err != nil {
		return // the data of a member is JSON
	}
	r.options.Send(payload)
}

// Tick does the things whose time has come. Without a connection of the adapter no node
// leaves, nor after a pause of this process: the messages of others wait or were lost.
func (r *Roster) Tick(now time.Time, connected bool) {
	paused := now.Sub(r.ticked) > lease/2
	r.now, r.ticked = now, now
	r.removeDeparted()
	if !r.clustered {
		return
	}
	if !connected || paused {
		r.extendLeases()
	}
	if r.noteConnection(connected); r.offline {
		return
	}
	r.removeSilentNodes()
	if r.self.rank == 0 && !r.rankAt.After(now) {
		r.self.rank = r.highestRank() + 1
		r.leadsFrom = now.Add(rankTime)
		r.sendMessage(message{Type: typeBeat})
	}
	r.updateLeader()
	r.dropYielded()
	r.Flush()
	if !r.beatAt.After(now) {
		r.beatAt = now.Add(heartbeat)
		r.sendMessage(message{Type: typeBeat})
		r.retrySnapshots()
	}
}

// noteConnection notes whether the adapter has a connection. The node gets no rank before
// it had the time to find the others.
func (r *Roster) noteConnection(connected bool) {
	returned := connected && r.offline
	r.offline = !connected
	if !connected || returned {
		r.rankAt = r.now.Add(settleTime)
		r.beatAt = r.now.Add(heartbeat)
	}
	if returned {
		r.sendMessage(message{Type: typeHello})
	}
}

// Next returns when Tick is to be called next, the zero time if there is nothing to do.
func (r *Roster) Next() (next time.Time) {
	earliest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(r.departures) > 0 {
		earliest(r.departures[0].at)
	}
	if !r.clustered {
		return next
	}
	earliest(r.beatAt)
	for _, n := range r.nodes {
		earliest(n.heard.Add(lease))
	}
	if r.self.rank == 0 {
		earliest(r.rankAt)
	} else if r.leadsFrom.After(r.ticked) {
		earliest(r.leadsFrom)
	}
	return next
}

// Members returns up to limit members of a room that come after a key, in the order of
// their keys, with about maxBytes of data together, but one at least.
func (r *Roster) Members(roomName, after string, limit, maxBytes int) (page []Member) {
	x, _ := r.rooms.Value(roomName)
	if x == nil {
		return nil
	}
	size := 0
	for m := range x.members.membersAfter(after) {
		data := m.data().JSON
		size += len(m.key) + len(data)
		if len(page) >= limit || size > maxBytes && len(page) > 0 {
			break
		}
		page = append(page, Member{m.key, data})
	}
	return page
}

// MemberCount returns the number of members of a room.
func (r *Roster) MemberCount(roomName string) int {
	if x, _ := r.rooms.Value(roomName); x != nil {
		return x.members.length
	}
	return 0
}

// Size returns the number of sockets in a room on all nodes, as far as they report it,
// or in the namespace for an empty name.
func (r *Roster) Size(roomName string) int {
	if x, _ := r.rooms.Value(roomName); x != nil {
		return x.size
	}
	return 0
}

// OwnSizes returns the names of the rooms for which [Roster.SetSize] set a size above 0.
func (r *Roster) OwnSizes() (names []string) {
	for name := range r.self.entries.All() {
		if name.kind == sizeEntry {
			names = append(names, name.room)
		}
	}
	return names
}

// Leads reports whether this node leads.
func (r *Roster) Leads() bool { return r.leads }

// Nodes returns the number of nodes that live, with this one.
func (r *Roster) Nodes() int { return len(r.nodes) + 1 }

// Malformed returns the number of malformed messages and of entries beyond the limits.
func (r *Roster) Malformed() uint64 { return r.malformed }
