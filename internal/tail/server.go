package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

const (
	// maxTails is how many tails may be open on a node, and as many of other nodes.
	maxTails = 16
	// renewInterval is the time between two requests of a tail to other nodes, which send
	// records for leaseTime after each.
	renewInterval = 5 * time.Second
	leaseTime     = 15 * time.Second
	// forwardInterval is how long a node collects records for another one, and maxMessage how
	// many bytes of them a message has.
	forwardInterval = 100 * time.Millisecond
	maxMessage      = 256 << 10
)

// ErrTooMany is the error of a tail beyond the limit of a node.
var ErrTooMany = fmt.Errorf("%d tails are open, which is the limit", maxTails)

// messageName is the name of the messages between nodes.
const messageName = "tail"

// message is a message between nodes.
type message struct {
	Tail string `json:"tail"`
	// Filter requests records for leaseTime.
	Filter *Filter `json:"filter,omitempty"`
	// Stop says that the tail is closed.
	Stop bool `json:"stop,omitempty"`
	// Lines are records, a JSON object a line.
	Lines string `json:"lines,omitempty"`
	// End says that the node sends no more records, and why.
	End string `json:"end,omitempty"`
}

// Server has the tails of one hub. It is safe for concurrent use.
type Server struct {
	// Static after construction.
	hub *hub.Hub
	log *zap.Logger

	mu       sync.Mutex          // guards the following; a leaf
	tails    map[string]*Tail    // of this node, by id
	forwards map[string]*forward // of other nodes, by the id of the tail
}

// New returns the server of a hub.
func New(h *hub.Hub, log *zap.Logger) *Server {
	s := &Server{
		hub: h, log: log,
		tails: make(map[string]*Tail), forwards: make(map[string]*forward),
	}
	h.OnNodeMessage(messageName, s.receiveMessage)
	return s
}

// Tail is one open tail. One goroutine reads it.
type Tail struct {
	*queue
	id      string
	server  *Server
	stop    func() // of the observation
	renewed time.Time
}

// Open opens a tail. The caller closes it. The error is [ErrTooMany].
func (s *Server) Open(f Filter) (*Tail, error) {
	t := &Tail{queue: newQueue(f), id: id.New(), server: s}
	s.mu.Lock()
	if len(s.tails) >= maxTails {
		s.mu.Unlock()
		return nil, ErrTooMany
	}
	s.tails[t.id] = t
	s.mu.Unlock()
	t.stop = s.hub.ObserveClients(t.addObservation)
	t.addMembers(s.hub)
	return t, nil
}

// Close closes the tail, on all nodes.
func (t *Tail) Close() {
	t.stop()
	t.server.mu.Lock()
	delete(t.server.tails, t.id)
	t.server.mu.Unlock()
	t.server.sendMessage(message{Tail: t.id, Stop: true})
}

// Read waits for records, and returns them as lines of JSON. It returns no lines after
// renewInterval without any, or when done is closed. ended is true after the last record, whose
// kind is "end".
func (t *Tail) Read(done <-chan struct{}) (lines []byte, ended bool) {
	if now := time.Now(); now.Sub(t.renewed) >= renewInterval {
		t.renewed = now
		t.server.sendMessage(message{Tail: t.id, Filter: &t.filter})
	}
	timer := time.NewTimer(renewInterval)
	defer timer.Stop()
	select {
	case <-t.wake:
	case <-timer.C:
	case <-done:
		return nil, false
	}
	items, reason := t.takeItems()
	lines = t.server.appendItems(nil, items, t.filter.Raw)
	if reason != "" {
		lines = appendLine(lines, EndRecord(reason))
	}
	return lines, reason != ""
}

// EndRecord returns the last record of a tail that ends.
func EndRecord(reason string) Record {
	return Record{Time: formatTime(time.Now()), Kind: "end", Reason: reason}
}

// AppendRecord appends a record as a line of JSON.
func AppendRecord(line []byte, r Record) []byte { return appendLine(line, r) }

// appendItems appends items as lines of JSON.
func (s *Server) appendItems(dst []byte, items []item, raw bool) []byte {
	for _, i := range items {
		if i.lines != nil {
			dst = append(dst, i.lines...)
		} else {
			dst = appendLine(dst, newRecord(i, raw))
		}
	}
	return dst
}

func (s *Server) sendMessage(m message) {
	payload, err := json.Marshal(m)
	if err == nil { // texts and booleans always encode
		s.hub.SendToNodes(messageName, payload)
	}
}

// receiveMessage handles a message of another node.
func (s *Server) receiveMessage(payload []byte) {
	var m message
	if json.Unmarshal(payload, &m) != nil || m.Tail == "" || len(m.Tail) > 64 {
		return // a later version may have sent it
	}
	switch {
	case m.Filter != nil:
		s.renewForward(m.Tail, *m.Filter)
	case m.Stop:
		s.removeForward(m.Tail)
	default:
		s.relayMessage(m)
	}
}

// relayMessage passes records of another node to a tail of this one.
func (s *Server) relayMessage(m message) {
	s.mu.Lock()
	t := s.tails[m.Tail]
	s.mu.Unlock()
	if t == nil {
		return
	}
	var lines []byte
	for line := range bytes.Lines([]byte(m.Lines)) {
		var compact bytes.Buffer
		if json.Compact(&compact, line) == nil && bytes.HasPrefix(compact.Bytes(), []byte("{")) {
			lines = append(escapeUnprintable(lines, compact.Bytes()), '\n')
		}
	}
	if len(lines) > 0 {
		t.addLines(lines)
	}
	if m.End != "" {
		t.end(m.End)
	}
}

// renewForward sends records to another node for leaseTime from now on.
func (s *Server) renewForward(id string, f Filter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.forwards[id]; old != nil {
		old.timer.Reset(leaseTime)
		return
	}
	if len(s.forwards) >= maxTails {
		return
	}
	added := &forward{queue: newQueue(f), server: s, id: id}
	added.timer = time.AfterFunc(leaseTime, func() { s.removeForward(id) })
	s.forwards[id] = added
	// The goroutine ends when the tail is closed, or not renewed.
	spawn.Go(s.log, "tail of another node", added.run, func() { s.removeForward(id) })
}

// removeForward sends no more records to another node.
func (s *Server) removeForward(id string) {
	s.mu.Lock()
	removed := s.forwards[id]
	delete(s.forwards, id)
	s.mu.Unlock()
	if removed != nil {
		removed.timer.Stop()
		removed.end(reasonClosed)
	}
}

// reasonClosed is the reason of a forward whose tail is closed.
const reasonClosed = "the tail is closed"

// forward sends records to the tail of another node.
type forward struct {
	*queue
	server *Server
	id     string
	timer  *time.Timer // ends the forward unless the tail renews it
}

// run sends records until the forward ends.
func (f *forward) run() {
	stop := f.server.hub.ObserveClients(f.addObservation)
	defer stop()
	f.addMembers(f.server.hub)
	for {
		<-f.wake
		items, reason := f.takeItems()
		f.sendLines(f.server.appendItems(nil, items, f.filter.Raw))
		if reason == reasonClosed {
			return
		}
		if reason != "" {
			f.server.sendMessage(message{Tail: f.id, End: reason + " by the node " + hub.NodeName()})
			f.server.removeForward(f.id)
			return
		}
		time.Sleep(forwardInterval) // records that come meanwhile share a message
	}
}

// sendLines sends lines, several in a message.
func (f *forward) sendLines(lines []byte) {
	for len(lines) > 0 {
		end := len(lines)
		if end > maxMessage {
			end = maxMessage
			if i := bytes.LastIndexByte(lines[:end], '\n'); i >= 0 {
				end = i + 1
			} else if i := bytes.IndexByte(lines, '\n'); i >= 0 {
				end = i + 1 // a line that is larger
			}
		}
		f.server.sendMessage(message{Tail: f.id, Lines: string(lines[:end])})
		lines = lines[end:]
	}
}
