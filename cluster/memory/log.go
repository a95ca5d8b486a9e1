package memory

import (
	"container/list"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

const (
	maxEntries    = 100_000  // events and operations
	maxEntryBytes = 16 << 20 // of events, operations and their targets
	trimDelay     = 5 * time.Second
	// entryCost is how many bytes an entry takes besides its message, target and operation.
	entryCost = 400
)

// Options connect a log with the hub that it belongs to.
type Options struct {
	// Namespace is the name of the namespace.
	Namespace string
	// RecoveryTime returns how long entries stay. It may change. Events of other nodes
	// are not recorded while it is zero.
	RecoveryTime func() time.Duration
	// After calls a function after a delay, on a goroutine that ends with it. The name
	// is the goroutine's.
	After func(delay time.Duration, name string, fn func()) *time.Timer
	// Bounds are the bounds of this and other logs.
	Bounds *Bounds
	// Trimmed is called after a timer has removed old entries.
	Trimmed func()
}

// Log is the recovery log of a namespace, with its lost sockets. Its methods are safe
// for concurrent use.
type Log struct {
	// Static after construction.
	options Options
	epoch   string // begins the offsets of this log, and of no other
	bounds  *Bounds
	part    *budget.Part // the entries

	// order is held while an event gets an offset and is delivered.
	order sync.Mutex

	// mu guards the following; only locks of bounds come after it. Entries are appended with order held, too.
	mu      sync.Mutex
	next    uint64 // number of the next entry
	first   uint64 // number of entries[0]
	entries []entry
	bytes   int
	lost    map[string]*lostSocket // by pid
	queue   list.List              // of *lostSocket, the oldest first
	timer   *time.Timer            // nil while nothing is kept
	closed  bool                   // nothing is kept any more
}

// entry is an event or an operation.
type entry struct {
	at        time.Time
	target    rooms.Target
	message   *eio.Message      // nil for an operation
	operation cluster.Operation // nil for an event
}

// NewLog returns an empty log. Its first number is 1, so that the empty log has an
// offset, too.
func NewLog(o Options) *Log {
	l := &Log{options: o, epoch: id.New()[:8] + ".", bounds: o.Bounds, next: 1, first: 1}
	l.part = o.Bounds.entries.NewPart(l.trimBytes)
	return l
}

// Close removes all entries and lost sockets. Nothing is kept from then on.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, lost := range l.lost {
		l.removeLostLocked(lost)
	}
	l.dropEntriesLocked(len(l.entries))
}

// size returns the bytes that the entry counts for. Clients may choose rooms, and many
// of them.
func (e *entry) size() int {
	size := sizeNames(e.target.In) + sizeNames(e.target.Except)
	switch op := e.operation.(type) {
	case nil:
		size += e.message.Size()
	case cluster.Join:
		size += sizeNames(op.Rooms)
	case cluster.Leave:
		size += sizeNames(op.Rooms)
	case cluster.SetData:
		size += len(op.Key) + op.Value.Size()
	}
	return size
}

func sizeNames(names []string) (size int) {
	const header = 16 // of a string
	for _, name := range names {
		size += len(name) + header
	}
	return size
}

// formatOffset returns the offset of an entry.
func (l *Log) formatOffset(number uint64) string { return l.epoch + strconv.FormatUint(number, 36) }

// parseOffset returns the number in an offset made by formatOffset. ok is false for an
// offset of another log.
func (l *Log) parseOffset(offset string) (number uint64, ok bool) {
	text, ok := strings.CutPrefix(offset, l.epoch)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(text, 36, 64)
	return number, err == nil
}

// deliverEmit records an emit, unless it is volatile, and delivers it.
func (l *Log) deliverEmit(op cluster.Emit, deliver func(cluster.Emit)) error {
	l.order.Lock()
	defer l.order.Unlock()
	if op.Volatile {
		deliver(op)
		return nil
	}
	offset := l.formatOffset(l.next) // order keeps it
	m, err := op.Encode(l.options.Namespace, offset)
	if err != nil {
		return err
	}
	op.Offset, op.Message = offset, m
	l.appendEntry(entry{target: op.Target, message: m})
	deliver(op)
	return nil
}

// recordOperation records an operation on sockets.
func (l *Log) recordOperation(op cluster.Operation) {
	e := entry{operation: op}
	switch op := op.(type) {
	case cluster.Join:
		op.Rooms = slices.Clone(op.Rooms)
		e.target, e.operation = op.Target, op
	case cluster.Leave:
		op.Rooms = slices.Clone(op.Rooms)
		e.target, e.operation = op.Target, op
	case cluster.SetData:
		op.Value = op.Value.CloneText()
		e.target, e.operation = op.Target, op
	case cluster.Disconnect:
		e.target = op.Target
	default:
		return
	}
	l.order.Lock()
	defer l.order.Unlock()
	l.appendEntry(e)
}

// appendEntry gives the next number to an entry. The caller holds order.
func (l *Log) appendEntry(e entry) {
	e.at = time.Now()
	l.mu.Lock()
	l.next++
	l.entries = append(l.entries, e)
	size := e.size()
	l.bytes += size
	l.part.Add(size + entryCost)
	l.trimLocked()
	l.mu.Unlock()
	l.part.Trim()
}

// trimLocked removes entries and lost sockets that are too old or too many.
func (l *Log) trimLocked() {
	recovery := l.options.RecoveryTime()
	oldest := time.Now().Add(-recovery)
	l.trimEntriesLocked(oldest.Add(-trimDelay))
	l.trimLostLocked(oldest)
	if l.timer == nil && len(l.entries)+l.queue.Len() > 0 {
		l.timer = l.options.After(recovery+2*trimDelay, "trim recovery log", l.trimLater)
	}
}

func (l *Log) trimEntriesLocked(oldest time.Time) {
	n, bytes := 0, l.bytes
	for n < len(l.entries) && (l.closed || l.entries[n].at.Before(oldest) || len(l.entries)-n > maxEntries || bytes > maxEntryBytes) {
		bytes -= l.entries[n].size()
		n++
	}
	l.dropEntriesLocked(n)
}

// trimBytes removes the oldest entries, of about so many bytes.
func (l *Log) trimBytes(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for ; n < len(l.entries) && bytes > 0; n++ {
		bytes -= int64(l.entries[n].size() + entryCost)
	}
	l.dropEntriesLocked(n)
}

// dropEntriesLocked removes the first n entries.
func (l *Log) dropEntriesLocked(n int) {
	bytes := 0
	for i := range l.entries[:n] {
		bytes += l.entries[i].size()
	}
	l.bytes -= bytes
	l.part.Add(-bytes - n*entryCost)
	l.first += uint64(n)
	clear(l.entries[:n])
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}

// trimLater trims a log that has been idle for a while.
func (l *Log) trimLater() {
	l.mu.Lock()
	l.timer = nil
	l.trimLocked()
	l.mu.Unlock()
	l.options.Trimmed()
}

// readReplay returns the part of the log that concerns a socket in rooms: events after one
// number, operations after another.
func (l *Log) readReplay(events, operations uint64, names []string) cluster.Replay {
	l.mu.Lock()
	defer l.mu.Unlock()
	replay := cluster.Replay{Offset: l.formatOffset(l.next - 1)}
	member := cluster.NewMembership(names)
	from := max(min(events, operations)+1, l.first) - l.first
	for i := from; i < uint64(len(l.entries)); i++ {
		e, number := &l.entries[i], l.first+i
		switch {
		case e.operation != nil && number > operations:
			member.Apply(e.operation)
		case e.operation == nil && number > events && member.Matches(e.target):
			replay.Events = append(replay.Events, e.message)
		}
	}
	replay.Rooms, replay.Data, replay.Disconnected = member.Rooms, member.Data, member.Disconnected
	return replay
}
