package hub

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// What a namespace keeps for clients that come back.
const (
	maxRecords      = 100_000  // events
	maxRecordBytes  = 16 << 20 // of events and their targets
	maxSaved        = 50_000   // sockets
	maxSavedBytes   = 64 << 20 // of what they had
	recoverySlack   = 5 * time.Second
	offsetSeparator = "."
)

// history keeps the events of a namespace for a while, and the sockets that were
// lost, so that a client that comes back finds its socket as it was, and gets what
// it missed. This is Socket.IO's connection state recovery.
//
// Each event of a namespace with recovery on has an offset: one more argument,
// which official clients of version 4.6 and later take off and send back.
type history struct {
	// mu guards the following. It is held while an event is recorded and queued
	// for its sockets, so that all of them get events in the order of offsets.
	// It goes before Socket.mu and the locks of the packages below.
	mu      sync.Mutex
	epoch   string // tells this history from those of other lives
	next    uint64 // the number of the next event
	first   uint64 // the number of records[0]
	records []record
	bytes   int
	live    map[string]*Socket // by pid
	saved   map[string]*savedSocket
	order   []*savedSocket // the oldest first; some are not in saved any more
	held    int            // bytes of those
	timer   *time.Timer    // runs while something is kept
	patient time.Time      // until then a cluster.Recorder is not waited for
	// restoring counts the sockets that are being restored from a cluster.Recorder.
	restoring int
}

// record is an event that may have to be sent again, or an operation on sockets that
// may have to be done to lost ones.
type record struct {
	at        time.Time
	target    rooms.Target
	message   *eio.Message      // nil for an operation
	operation cluster.Operation // nil for an event
}

// size is what the record costs: clients may choose rooms, and many of them.
func (rec *record) size() int {
	size := nameBytes(rec.target.In) + nameBytes(rec.target.Except)
	switch op := rec.operation.(type) {
	case nil:
		size += rec.message.Size()
	case cluster.Join:
		size += nameBytes(op.Rooms)
	case cluster.Leave:
		size += nameBytes(op.Rooms)
	}
	return size
}

func nameBytes(names []string) (size int) {
	const header = 16 // of a string
	for _, name := range names {
		size += len(name) + header
	}
	return size
}

// savedSocket is what is left of a socket whose client may come back.
type savedSocket struct {
	at       time.Time // when it was lost
	route    *Route    // that it was on
	pid, id  string
	identity string // see [Socket.identity]
	rooms    []string
	data     map[string]sio.Data
	size     int // of data
	values   map[string]sio.Data
	since    uint64  // the number of the first event that it may not have got
	lost     uint64  // the number of the first record after its loss
	heir     *Socket // its client came back with this one, which is not connected yet
}

// expired reports whether the socket's client is back too late for a route: the
// shorter time counts when the socket was on another one.
func (s *savedSocket) expired(back *Route) bool {
	limit := min(s.route.config().Recovery, back.config().Recovery)
	return time.Since(s.at) > limit
}

// cost is how many bytes the socket keeps.
func (s *savedSocket) cost() int {
	cost := s.size + nameBytes(s.rooms)
	for name, value := range s.values {
		cost += len(name) + value.Size()
	}
	return cost
}

// recoverable reports whether clients come back by themselves after that.
func recoverable(reason string) bool {
	switch reason {
	case ReasonClientDisconnect, ReasonServerDisconnect, "parse error":
		return false
	}
	return true
}

// window is how long events and sockets are kept; zero means not at all.
func (h *Hub) window() time.Duration { return time.Duration(h.recovery.Load()) }

// newHistory begins with number 1, so that there is one before.
func newHistory() history { return history{epoch: id.New()[:8], next: 1, first: 1} }

// offset is how clients name the event of a number.
func (r *history) offset(number uint64) string {
	return r.epoch + offsetSeparator + strconv.FormatUint(number, 36)
}

// number is the reverse of offset. It is false for what this history did not say,
// or says no more.
func (r *history) number(offset string) (uint64, bool) {
	text, ok := strings.CutPrefix(offset, r.epoch+offsetSeparator)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 36, 64)
	return n, err == nil && n < r.next && n+1 >= r.first
}

// withOffset adds an offset to an event's arguments.
func withOffset(data sio.Data, offset string) sio.Data {
	b := append(make([]byte, 0, len(data.JSON)+len(offset)+4), data.JSON[:len(data.JSON)-1]...)
	b = append(append(append(b, `,"`...), offset...), `"]`...)
	return sio.Data{JSON: b, Attachments: data.Attachments}
}

// add records an event and returns it with its offset. A volatile one is not
// recorded, and has the offset of the one before it: the client takes its last
// argument for an offset all the same. The caller holds mu.
func (r *history) add(ns *Namespace, t rooms.Target, data sio.Data, volatile, compress bool) (*eio.Message, error) {
	number := r.next
	if volatile {
		number--
	}
	p := sio.Packet{Type: sio.Event, Namespace: ns.name, Data: withOffset(data, r.offset(number))}
	m, err := p.Encode(sio.V5, compress)
	if err != nil || volatile {
		return m, err
	}
	r.append(ns, record{at: time.Now(), target: t, message: m})
	return m, nil
}

// append gives the next number to a record. The caller holds mu.
func (r *history) append(ns *Namespace, rec record) {
	r.next++
	r.records = append(r.records, rec)
	r.bytes += rec.size()
	r.trim(ns)
}

// trim forgets what is too old or too much. The caller holds mu.
func (r *history) trim(ns *Namespace) {
	oldest := time.Now().Add(-ns.hub.window() - recoverySlack)
	n := 0
	for n < len(r.records) && (r.records[n].at.Before(oldest) || len(r.records)-n > maxRecords || r.bytes > maxRecordBytes) {
		r.bytes -= r.records[n].size()
		n++
	}
	r.first += uint64(n)
	clear(r.records[:n])
	if r.records = r.records[n:]; len(r.records) == 0 {
		r.records = nil
	}
	oldest = time.Now().Add(-ns.hub.window())
	n = 0
	for n < len(r.order) && (r.saved[r.order[n].pid] != r.order[n] || r.order[n].at.Before(oldest) || len(r.order)-n > maxSaved || r.held > maxSavedBytes) {
		left := r.order[n]
		r.remove(left)
		r.held -= left.cost()
		n++
	}
	clear(r.order[:n])
	if r.order = r.order[n:]; len(r.order) == 0 {
		r.order = nil
	}
	if r.timer == nil && len(r.records)+len(r.order) > 0 {
		r.timer = ns.hub.after(ns.hub.window()+2*recoverySlack, "forget history", ns.forgetHistory)
	}
}

// forgetHistory trims what nobody has touched for a while.
func (ns *Namespace) forgetHistory() {
	r := &ns.history
	r.mu.Lock()
	r.timer = nil
	r.trim(ns)
	r.mu.Unlock()
	ns.hub.tidy(ns)
}

// keeps reports whether a client may come back to the namespace.
func (r *history) keeps() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.saved) > 0
}

// remove takes a saved socket out: its client can't come back to it. The caller holds
// mu.
func (r *history) remove(left *savedSocket) {
	if r.saved[left.pid] == left {
		delete(r.saved, left.pid)
	}
}

// removeSaved takes out the saved sockets that match.
func (r *history) removeSaved(match func(*savedSocket) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, left := range r.saved {
		if match(left) {
			r.remove(left)
		}
	}
}

// enrol gives a new socket the secret that its client comes back with.
func (r *history) enrol(s *Socket) {
	s.pid = id.New()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.since = r.next
	r.keepLive(s.pid, s)
}

// keepLive remembers a socket by its pid. The caller holds mu.
func (r *history) keepLive(pid string, s *Socket) {
	if r.live == nil {
		r.live = make(map[string]*Socket)
	}
	r.live[pid] = s
}

// dropLive is the reverse of keepLive, unless the pid is another socket's by now.
func (r *history) dropLive(pid string, s *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLiveLocked(pid, s)
}

func (r *history) dropLiveLocked(pid string, s *Socket) {
	if r.live[pid] == s {
		delete(r.live, pid)
	}
}

// drop forgets a socket whose life is over.
func (r *history) drop(s *Socket) { r.dropLive(s.pid, s) }

// save keeps what is left of a socket whose connection is lost, or with keep false
// forgets it. A socket that was being restored stays saved as it was.
func (r *history) save(s *Socket, keep bool) {
	if recorder := s.ns.recorder(); recorder != nil {
		r.drop(s)
		s.saveShared(recorder, keep)
		return
	}
	identity := s.identity()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLiveLocked(s.pid, s)
	if s.claimed != nil {
		r.release(s, keep)
		return
	}
	if !keep || !s.beginLoss() {
		return
	}
	names := s.ns.index.RoomsOf(s)
	s.mu.Lock()
	left := &savedSocket{
		at: time.Now(), route: s.client.route, pid: s.pid, id: s.id, identity: identity, rooms: s.lostRooms(names),
		data: maps.Clone(s.data), size: s.dataBytes, values: s.values, since: s.since, lost: r.next,
	}
	s.mu.Unlock()
	if r.saved == nil {
		r.saved = make(map[string]*savedSocket)
	}
	r.saved[s.pid] = left
	r.order = append(r.order, left)
	r.held += left.cost()
	r.trim(s.ns)
}
