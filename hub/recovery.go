package hub

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
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
	order   []*savedSocket // the oldest first
	held    int            // bytes of those
	timer   *time.Timer    // runs while something is kept
	patient time.Time      // until then a cluster.Recorder is not waited for
}

// record is an event that may have to be sent again.
type record struct {
	at      time.Time
	target  rooms.Target
	message *eio.Message
}

// size is what the record costs: clients may choose rooms, and many of them.
func (rec *record) size() int {
	return rec.message.Size() + nameBytes(rec.target.In) + nameBytes(rec.target.Except)
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
	at       time.Time
	pid, id  string
	rooms    []string
	data     map[string]sio.Data
	size     int // of data
	values   map[string]sio.Data
	since    uint64 // the number of the first event that it may not have got
	restored bool
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
func newHistory() history { return history{epoch: newID()[:8], next: 1, first: 1} }

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
	r.next++
	rec := record{at: time.Now(), target: t, message: m}
	r.records = append(r.records, rec)
	r.bytes += rec.size()
	r.trim(ns)
	return m, nil
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
	n = 0
	for n < len(r.order) && (r.order[n].restored || r.order[n].at.Before(oldest) || len(r.order)-n > maxSaved || r.held > maxSavedBytes) {
		s := r.order[n]
		if r.saved[s.pid] == s {
			delete(r.saved, s.pid)
		}
		r.held -= s.cost()
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

// comeBack makes a new socket the one that its client had, or gives it the secret
// that its client comes back with, where the route has recovery.
func (s *Socket) comeBack() {
	if s.client.version != sio.V5 || s.client.route.config().Recovery <= 0 {
		return
	}
	pid, offset := comesBack(s.auth)
	h := &s.ns.history
	recorder := s.ns.recorder()
	if pid != "" {
		h.closeFormer(s.client.ctx, pid, s)
		if recorder != nil {
			if s.comeBackShared(recorder, pid, offset) {
				return
			}
		} else if left := h.take(pid, offset, s.client.route.config().Engine.MaxQueue); left != nil {
			s.opening.saveAgain = func() { h.saveAgain(s.ns, left) }
			s.restore(left)
			s.admitted = true
			return
		}
		h.dropLive(pid, s)
	}
	if recorder != nil {
		s.from = recorder.Delivered()
	}
	h.enrol(s)
}

// enrol gives a new socket the secret that its client comes back with.
func (r *history) enrol(s *Socket) {
	s.pid = newID()
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
	if r.live[pid] == s {
		delete(r.live, pid)
	}
}

// drop forgets a socket whose life is over.
func (r *history) drop(s *Socket) { r.dropLive(s.pid, s) }

// save keeps what is left of a socket.
func (r *history) save(s *Socket, keep bool) {
	names := s.roomsToSave()
	if recorder := s.ns.recorder(); recorder != nil {
		if r.drop(s); keep {
			s.saveShared(recorder, names)
		}
		return
	}
	s.mu.Lock()
	left := &savedSocket{
		at: time.Now(), pid: s.pid, id: s.id, rooms: names,
		data: maps.Clone(s.data), size: s.dataBytes, values: s.values, since: s.since,
	}
	s.mu.Unlock()
	r.drop(s)
	if !keep {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved == nil {
		r.saved = make(map[string]*savedSocket)
	}
	r.saved[s.pid] = left
	r.order = append(r.order, left)
	r.held += left.cost()
	r.trim(s.ns)
}

// take finds what is left of the socket that a client comes back to, whose last
// event had an offset; empty when it got none. What it missed must be no more than
// half of what may wait for it, or it would be dropped for that, again and again.
func (r *history) take(pid, offset string, queue int) *savedSocket {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.saved[pid]
	if left == nil {
		return nil
	}
	if offset != "" {
		n, ok := r.number(offset)
		if !ok {
			return nil
		}
		left.since = n + 1
	}
	if left.since < r.first {
		return nil // some of what it missed is forgotten
	}
	size := 0
	for _, m := range r.missed(left.since, left.rooms) {
		size += m.Size()
	}
	if queue > 0 && size > queue/2 {
		return nil
	}
	delete(r.saved, pid)
	left.restored = true
	return left
}

// missed returns the events for a socket in rooms since a number. The caller holds
// mu.
func (r *history) missed(since uint64, names []string) []*eio.Message {
	if since < r.first {
		since = r.first
	}
	var ms []*eio.Message
	in := rooms.NewSet(names)
	for _, rec := range r.records[min(since-r.first, uint64(len(r.records))):] {
		if rec.target.Means(in) {
			ms = append(ms, rec.message)
		}
	}
	return ms
}

// comesBack reads from a connect packet which socket its client wants back.
func comesBack(auth sio.Data) (pid, offset string) {
	var wanted struct{ PID, Offset string }
	if len(auth.JSON) > 0 && json.Unmarshal(auth.JSON, &wanted) != nil {
		return "", ""
	}
	return wanted.PID, wanted.Offset
}

// restore makes a new socket the one that its client had.
func (s *Socket) restore(left *savedSocket) {
	s.id, s.pid, s.since, s.restored = left.id, left.pid, left.since, true
	s.data, s.dataBytes, s.values = maps.Clone(left.data), left.size, left.values
	for _, room := range left.rooms {
		if room != left.id {
			s.opening.rooms = append(s.opening.rooms, room)
		}
	}
}

// replay tells a client what it missed, and then that it is connected: official
// clients keep the events until they know.
func (s *Socket) replay() {
	r := &s.ns.history
	names := s.ns.index.Of(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.missed(s.since, names) {
		s.client.session.Send(m)
	}
	s.client.session.Send(connectPacket(s))
	r.keepLive(s.pid, s)
	s.mu.Lock()
	s.opening.replayed = true
	s.mu.Unlock()
}
