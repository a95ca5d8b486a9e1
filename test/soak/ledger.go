package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
)

// ledger counts the outcomes of a run.
type ledger struct {
	delivered, lost, repeated, corrupted atomic.Int64 // messages that clients got, or should have got
	acks, lateAcks                       atomic.Int64 // acknowledgements of clients' events
	backendReplies, backendErrors        atomic.Int64
	broadcastAcks                        atomic.Int64 // acknowledgements of broadcasts of the API
	handshakes, refused                  atomic.Int64 // of visitors and storms
	drops                                atomic.Int64 // connections of residents that closed
	slow                                 atomic.Int64 // connections of slow readers that the server closed
	reloads, badReloads                  atomic.Int64

	mu         sync.Mutex // guards the following
	complaints []string   // the first ones
	unlisted   int
}

// maxComplaints is the number of complaints that are kept.
const maxComplaints = 200

// addComplaint keeps the description of a fault.
func (l *ledger) addComplaint(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.complaints) == maxComplaints {
		l.unlisted++
		return
	}
	l.complaints = append(l.complaints, fmt.Sprintf(format, args...))
}

// listComplaints returns the kept complaints.
func (l *ledger) listComplaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := append([]string(nil), l.complaints...)
	if l.unlisted > 0 {
		list = append(list, fmt.Sprintf("and %d more", l.unlisted))
	}
	return list
}

// sequence checks that the messages of each sender arrive once and in order.
type sequence struct {
	name   string
	ledger *ledger
	mu     sync.Mutex       // guards last
	last   map[string]int64 // the number of the last message, by sender
}

func newSequence(name string, l *ledger) *sequence {
	return &sequence{name: name, ledger: l, last: make(map[string]int64)}
}

// checkMessage checks an event with the arguments room, sender, number. An attachment holds the
// number again.
func (s *sequence) checkMessage(args []json.RawMessage, attachments [][]byte) {
	var sender string
	var number int64
	if len(args) < 3 || json.Unmarshal(args[1], &sender) != nil || json.Unmarshal(args[2], &number) != nil {
		s.ledger.corrupted.Add(1)
		s.ledger.addComplaint("%s got arguments %s", s.name, args)
		return
	}
	if len(attachments) > 0 && !checkAttachment(attachments[0], number) {
		s.ledger.corrupted.Add(1)
		s.ledger.addComplaint("%s got a wrong attachment of %d bytes in message %d of %s", s.name, len(attachments[0]), number, sender)
	}
	s.ledger.delivered.Add(1)
	s.mu.Lock()
	last, known := s.last[sender]
	s.last[sender] = max(number, last)
	s.mu.Unlock()
	switch {
	case !known || number == last+1:
	case number > last:
		s.ledger.lost.Add(number - last - 1)
		s.ledger.addComplaint("%s got message %d of %s after %d", s.name, number, sender, last)
	default:
		s.ledger.repeated.Add(1)
		s.ledger.addComplaint("%s got message %d of %s after %d", s.name, number, sender, last)
	}
}

// forgetSenders begins all sequences again, as after a new connection.
func (s *sequence) forgetSenders() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.last)
}

// lastNumber returns the number of the last message of a sender.
func (s *sequence) lastNumber(sender string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.last[sender]
	return n, known
}

// makeAttachment returns bytes from which checkAttachment finds the number.
func makeAttachment(number int64, size int) []byte {
	b := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(b, uint64(number))
	for i := 8; i < len(b); i++ {
		b[i] = byte(number + int64(i))
	}
	return b
}

// checkAttachment returns whether makeAttachment has made b for the number.
func checkAttachment(b []byte, number int64) bool {
	if len(b) < 8 || binary.BigEndian.Uint64(b) != uint64(number) {
		return false
	}
	for i := 8; i < len(b); i++ {
		if b[i] != byte(number+int64(i)) {
			return false
		}
	}
	return true
}

// gate stops the load for a calm.
type gate struct {
	mu   sync.Mutex    // guards open
	open chan struct{} // closed while the load runs
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

// isOpen returns whether the load runs.
func (g *gate) isOpen() bool {
	select {
	case <-g.awaitOpen():
		return true
	default:
		return false
	}
}

// awaitOpen returns a channel that is closed while the load runs.
func (g *gate) awaitOpen() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// closeGate begins a calm.
func (g *gate) closeGate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// openGate ends a calm.
func (g *gate) openGate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
}
