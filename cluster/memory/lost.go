package memory

import (
	"container/list"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// lostCost is how many bytes a lost socket takes besides its data, values and rooms.
const lostCost = 1 << 10

// lostSocket is a lost socket in the queue of lost sockets, the oldest first.
type lostSocket struct {
	cluster.LostSocket
	log     *Log
	size    int
	element *list.Element // of the queue
	place   address.Place[*lostSocket]
}

// sizeLost returns the bytes that a lost socket counts for.
func sizeLost(lost *cluster.LostSocket) int {
	return lostCost + lost.Data.Size() + lost.Values.Size() + sizeNames(lost.Rooms) + sizeNames(lost.Marks)
}

// Len returns the number of lost sockets.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lost)
}

// Contains reports whether a socket is saved under a pid.
func (l *Log) Contains(pid string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost[pid] != nil
}

// Remove removes the lost sockets that match. With l locked, match calls no method of l.
func (l *Log) Remove(match func(*cluster.LostSocket) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lost := range l.lost {
		if match(&lost.LostSocket) {
			l.removeLostLocked(lost)
		}
	}
}

// saveSocket saves a lost socket.
func (l *Log) saveSocket(lost cluster.LostSocket) {
	lost.Saved = nil
	saved := &lostSocket{LostSocket: lost, log: l, size: sizeLost(&lost)}
	l.addLost(saved)
	l.bounds.part.Trim()
}

func (l *Log) addLost(saved *lostSocket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if old := l.lost[saved.PID]; old != nil {
		l.removeLostLocked(old)
	}
	if l.lost == nil {
		l.lost = make(map[string]*lostSocket)
	}
	l.lost[saved.PID] = saved
	saved.element = l.queue.PushBack(saved)
	l.bounds.lost.Put(&saved.place, l.bounds.addressOf(&saved.LostSocket), saved, saved.size)
	l.bounds.part.Add(saved.size)
	l.trimLocked()
}

// removeLostLocked removes a lost socket that is in the log.
func (l *Log) removeLostLocked(saved *lostSocket) {
	delete(l.lost, saved.PID)
	l.queue.Remove(saved.element)
	l.bounds.lost.Remove(&saved.place)
	l.bounds.part.Add(-saved.size)
}

// removeEvicted removes a lost socket that has no place in the bounds any more, unless it was
// restored meanwhile.
func (l *Log) removeEvicted(saved *lostSocket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost[saved.PID] == saved {
		l.removeLostLocked(saved)
	}
}

// updateSocket replaces the data and values of a lost socket that is still saved.
func (l *Log) updateSocket(lost cluster.LostSocket) {
	l.mu.Lock()
	if saved := l.lost[lost.PID]; saved != nil {
		saved.Data, saved.Values = lost.Data, lost.Values
		size := sizeLost(&saved.LostSocket)
		l.bounds.lost.SetWeight(&saved.place, size)
		l.bounds.part.Add(size - saved.size)
		saved.size = size
	}
	l.mu.Unlock()
	l.bounds.part.Trim()
}

// restoreSocket removes and returns a lost socket, unless the log has no longer all entries
// that a replay from an offset needs.
func (l *Log) restoreSocket(pid, offset string) (lost cluster.LostSocket, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := l.lost[pid]
	if saved == nil {
		return lost, cluster.ErrNotSaved
	}
	if offset == "" {
		offset = saved.Offset
	}
	for _, from := range []string{offset, saved.Position} {
		number, ok := l.parseOffset(from)
		if !ok || number >= l.next || number+1 < l.first {
			return lost, fmt.Errorf("%w: the recovery log does not reach back to %q", cluster.ErrNotRecoverable, from)
		}
	}
	l.removeLostLocked(saved)
	lost = saved.LostSocket
	lost.Known = true
	return lost, nil
}

// trimLostLocked removes lost sockets that are older than oldest.
func (l *Log) trimLostLocked(oldest time.Time) {
	for first := l.queue.Front(); first != nil; first = l.queue.Front() {
		saved := first.Value.(*lostSocket)
		if !saved.Lost.Before(oldest) {
			return
		}
		l.removeLostLocked(saved)
	}
}
