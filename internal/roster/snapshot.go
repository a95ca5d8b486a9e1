package roster

// snapshot is the list of the entries of this node that another node requests, part by
// part. Entries that are removed meanwhile are left out, and new ones are in deltas.
type snapshot struct {
	number uint64
	names  []entryName
}

// hasBegun reports whether the first part of a node's entries was received. From then on
// its deltas count.
func (n *node) hasBegun() bool { return n.transfer == nil || n.transfer.snapshot > 0 }

// requestSnapshot requests all entries of a node.
func (r *Roster) requestSnapshot(n *node) {
	n.transfer = &transfer{}
	r.requestPart(n)
}

// requestPart requests the next part of a node's entries.
func (r *Roster) requestPart(n *node) {
	n.transfer.wanted = r.now
	r.sendMessage(message{Type: typeWant, To: n.id, Snapshot: n.transfer.snapshot, At: n.transfer.at})
}

// retrySnapshots begins the snapshots again that got no reply.
func (r *Roster) retrySnapshots() {
	for _, n := range r.nodes {
		if n.transfer != nil && r.now.Sub(n.transfer.wanted) >= wantRetry {
			r.requestSnapshot(n)
		}
	}
}

// sendChunk sends a part of the entries of this node. It begins a new snapshot if the
// requested one is unknown.
func (r *Roster) sendChunk(n *node, m *message) {
	r.Flush() // the number in the message is the one of the entries
	s := r.snapshots[n.id]
	at := m.At
	if s == nil || m.Snapshot != s.number || at >= len(s.names) {
		r.lastNumber++
		s = &snapshot{number: r.lastNumber, names: make([]entryName, 0, r.self.entries.Len())}
		for name := range r.self.entries.All() {
			s.names = append(s.names, name)
		}
		r.snapshots[n.id] = s
		at = 0
	}
	chunk := message{Type: typeChunk, To: n.id, Snapshot: s.number, At: at}
	size := 0
	for at < len(s.names) && size < chunkBytes {
		if e, ok := r.entryOf(r.self, s.names[at]); ok {
			chunk.Entries = append(chunk.Entries, e)
			size += e.wireSize()
		}
		at++
	}
	if at < len(s.names) {
		chunk.Next = at
	} else {
		delete(r.snapshots, n.id)
	}
	r.sendMessage(chunk)
}

// applyChunk applies a part of the entries of a node, and requests the next one. After
// the last part it removes the entries that were in none. A part that is not the
// requested one is ignored, and so is one before or after deltas that are missing.
func (r *Roster) applyChunk(n *node, m *message) {
	t := n.transfer
	switch {
	case t == nil || m.Snapshot == 0 || m.Next > 0 && m.Next <= m.At:
		return
	case m.At == 0:
		t.snapshot, n.seq = m.Snapshot, m.Seq
		n.mark++
	case m.Snapshot != t.snapshot || m.At != t.at || m.Seq != n.seq:
		return
	}
	r.applyEntries(n, m.Entries, r.now)
	if t.at = m.Next; t.at > 0 {
		r.requestPart(n)
		return
	}
	n.transfer = nil
	r.removeStale(n)
}

// removeStale removes the entries of a node that its last snapshot did not have.
func (r *Roster) removeStale(n *node) {
	before := n.entries.Len()
	for name, mark := range n.entries.All() {
		if mark != n.mark {
			r.dropEntry(n, name, r.now)
		}
	}
	r.entries += n.entries.Len() - before
}
