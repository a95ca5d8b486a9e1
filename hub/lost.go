package hub

import (
	"maps"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Operations are done to lost sockets, too. They are recorded among the events, and
// are done when the client comes back, in their order: so an operation costs the same
// however many sockets are lost.

// recordOperation keeps an operation for the sockets that are lost at the moment. It
// is called before the operation is done to the others: a socket that is being
// restored is reached by one or the other, or by both.
func (ns *Namespace) recordOperation(t rooms.Target, op cluster.Operation) {
	if ns.hub.window() == 0 {
		return
	}
	r := &ns.history
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.saved)+r.restoring > 0 {
		r.append(ns, record{at: time.Now(), target: t, operation: op})
	}
}

// replay is what happened to a socket while it was away.
type replay struct {
	messages     []*eio.Message // events that it missed
	rooms        []string       // that it is in now
	disconnected bool           // by an operation
	next         uint64         // the number of the first record that is not in it
}

func (p *replay) size() (size int) {
	for _, m := range p.messages {
		size += m.Size()
	}
	return size
}

// replay returns what happened to a socket in rooms: the events since one number, the
// operations since another. The caller holds mu.
func (r *history) replay(events, operations uint64, names []string) replay {
	p := replay{next: r.next}
	member := cluster.NewMembership(names)
	from := max(min(events, operations), r.first) - r.first
	for i := from; i < uint64(len(r.records)); i++ {
		rec, number := &r.records[i], r.first+i
		switch {
		case rec.operation != nil && number >= operations:
			member.Apply(rec.operation)
		case rec.operation == nil && number >= events && member.Means(rec.target):
			p.messages = append(p.messages, rec.message)
		}
	}
	p.rooms, p.disconnected = member.Rooms, member.Disconnected
	return p
}

// applyFirst has what operations did to a socket while it was being put into its
// rooms done to it when it is live, before what came later.
func (o *opening) applyFirst(s *Socket, before, after []string, disconnected bool) {
	in := func(names []string) func(string) bool {
		set := rooms.NewSet(names)
		return func(name string) bool { _, ok := set[name]; return ok }
	}
	left := slices.DeleteFunc(slices.Clone(before), in(after))
	joined := slices.DeleteFunc(slices.Clone(after), in(before))
	if !disconnected && len(left)+len(joined) == 0 {
		return
	}
	o.deferred = slices.Insert(o.deferred, 0, func() {
		if disconnected {
			s.Disconnect(false)
			return
		}
		s.Leave(left...)
		_ = s.Join(joined...) // as for other sockets, some may be in too many rooms
	})
}

// beginLoss marks a socket as lost. It is false when the socket is not to be kept: the
// server has disconnected it, or it is not its first user's any more.
func (s *Socket) beginLoss() bool {
	s.mu.Lock()
	changed := s.identityChanged
	s.mu.Unlock()
	if changed {
		return false
	}
	s.lost.Store(true)
	return !s.kicked.Load() // after that, for who does this the other way round
}

// lostRooms returns the rooms of a socket that is lost: some of those that it was going
// to join may be missing in its names. The caller holds mu.
func (s *Socket) lostRooms(names []string) []string {
	if s.opening == nil {
		return names
	}
	return append([]string{s.id}, s.opening.rooms...)
}

// alone returns the target that is this socket only.
func (s *Socket) alone() rooms.Target { return rooms.Target{In: []string{s.id}} }

// applyToSaved does an operation to what is kept of a lost socket, or to the socket
// that its client has come back to.
func (s *Socket) applyToSaved(op cluster.Operation) {
	if r := s.ns.recorder(); r != nil {
		s.ns.published(r.Publish(op))
	}
	s.ns.recordOperation(s.alone(), op)
	successor := s.ns.history.successor(s)
	if successor == nil {
		return
	}
	switch op := op.(type) {
	case cluster.Join:
		_ = successor.Join(op.Rooms...) // it may be in too many
	case cluster.Leave:
		successor.Leave(op.Rooms...)
	case cluster.Disconnect:
		successor.Disconnect(op.Close)
	}
}

// successor returns the socket that the client of a lost one is connected to, nil when
// there is none here.
func (r *history) successor(lost *Socket) *Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.live[lost.pid]
	if s == nil || s == lost || s.state.Load() == stateConnecting {
		return nil // one that is connecting is reached by what is recorded
	}
	return s
}

// setSaved keeps a value in the data of a lost socket, or of the one that its client
// has come back to.
func (s *Socket) setSaved(key string, value sio.Data) {
	s.updateSaved(func(left *savedSocket) { left.setData(key, value) })
	if successor := s.ns.history.successor(s); successor != nil {
		_ = successor.Set(key, value) // it may be full
	}
}

// updateSaved changes what is kept of a lost socket, if it is still kept. A
// [cluster.Recorder] gets the data and values that the socket has itself.
func (s *Socket) updateSaved(change func(*savedSocket)) {
	if recorder := s.ns.recorder(); recorder != nil {
		s.updateShared(recorder)
		return
	}
	r := &s.ns.history
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := r.saved[s.pid]; left != nil {
		r.held -= left.cost()
		change(left)
		r.held += left.cost()
	}
}

// setData keeps a value, unless that is too much.
func (s *savedSocket) setData(key string, value sio.Data) {
	size := s.size + len(key) + value.Size()
	if old, ok := s.data[key]; ok {
		size -= len(key) + old.Size()
	}
	if size > MaxData {
		return
	}
	data := maps.Clone(s.data)
	if data == nil {
		data = make(map[string]sio.Data, 1)
	}
	data[key] = value
	s.data, s.size = data, size
}

// beginRestoring has operations recorded until the socket is restored from a
// [cluster.Recorder].
func (r *history) beginRestoring(s *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.restoring = true
	r.restoring++
	s.opening.replay.next = r.next
}

// endRestoring ends what beginRestoring began.
func (r *history) endRestoring(s *Socket) {
	if !s.restoring {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.restoring = false
	r.restoring--
}
