package roster

import "time"

// Receive handles a message of another node. Malformed ones are counted, and ignored as
// messages of other versions are.
func (r *Roster) Receive(now time.Time, payload []byte) {
	r.now = now
	m, ok, err := decodeMessage(payload)
	if err != nil {
		r.malformed++
	}
	if err != nil || !ok || m.From == r.options.ID || !r.clustered {
		return
	}
	n := r.nodes[m.From]
	if m.Type == typeBye {
		if n != nil {
			r.removeNode(n, now)
			r.Flush()
		}
		return
	}
	if n == nil {
		if n = r.addNode(m.From); n == nil {
			return
		}
	}
	n.heard = now
	if n.rank != m.Rank || n.term != m.Term || n.leads != m.Leads {
		n.rank, n.term, n.leads = m.Rank, m.Term, m.Leads
		r.term = max(r.term, m.Term)
		r.updateLeader()
	}
	r.handleMessage(n, &m)
	r.compareAnnouncements(n)
	r.Flush()
}

// addNode adds a node that was unknown, and requests its entries. It returns nil if there
// are too many.
func (r *Roster) addNode(id string) *node {
	if len(r.nodes) >= maxNodes {
		r.malformed++
		return nil
	}
	n := &node{id: id}
	r.nodes[id] = n
	r.requestSnapshot(n)
	return n
}

// handleMessage handles a message by its type.
func (r *Roster) handleMessage(n *node, m *message) {
	switch m.Type {
	case typeHello:
		r.sendMessage(message{Type: typeBeat})
	case typeBeat:
		if n.hasBegun() && m.Seq > n.seq {
			r.requestSnapshot(n)
		}
	case typeDelta:
		r.applyDelta(n, m)
	case typeWant:
		if m.To == r.options.ID {
			r.sendChunk(n, m)
		}
	case typeChunk:
		if m.To == r.options.ID {
			r.applyChunk(n, m)
		}
	}
}

// applyDelta applies the changes of a node, unless some before them are missing.
func (r *Roster) applyDelta(n *node, m *message) {
	switch {
	case !n.hasBegun() || m.Seq <= n.seq: // the snapshot has them
	case m.Seq > n.seq+1:
		r.requestSnapshot(n)
	default:
		n.seq = m.Seq
		r.applyEntries(n, m.Entries, r.now)
	}
}

// applyEntries applies changes of a node. A member has been absent since a time.
func (r *Roster) applyEntries(n *node, entries []entry, since time.Time) {
	before := n.entries.Len()
	for i := range entries {
		e := &entries[i]
		if e.isRemoved() {
			r.dropEntry(n, e.name(), since)
			continue
		}
		if _, known := n.entries.Value(e.name()); !known && (r.entries+n.entries.Len()-before >= maxEntries || r.otherBytes >= maxBytes) {
			r.malformed++
			continue
		}
		r.putEntry(n, e, false)
	}
	r.entries += n.entries.Len() - before
}
