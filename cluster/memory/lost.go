package memory

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// lostSocket is a lost socket in the queue of lost sockets, the oldest first.
type lostSocket struct {
	cluster.LostSocket
	size int
}

// sizeLost returns the bytes that a lost socket counts for.
func sizeLost(lost *cluster.LostSocket) int {
	return lost.Data.Size() + lost.Values.Size() + sizeNames(lost.Rooms)
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
	for pid, lost := range l.lost {
		if match(&lost.LostSocket) {
			delete(l.lost, pid)
		}
	}
}

// saveSocket saves a lost socket.
func (l *Log) saveSocket(lost cluster.LostSocket) {
	lost.Saved = nil
	saved := &lostSocket{lost, sizeLost(&lost)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = make(map[string]*lostSocket)
	}
	l.lost[lost.PID] = saved
	l.queue = append(l.queue, saved)
	l.held += saved.size
	l.trimLocked()
}

// updateSocket replaces the data and values of a lost socket that is still saved.
func (l *Log) updateSocket(lost cluster.LostSocket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := l.lost[lost.PID]
	if saved == nil {
		return
	}
	saved.Data, saved.Values = lost.Data, lost.Values
	l.held -= saved.size
	saved.size = sizeLost(&saved.LostSocket)
	l.held += saved.size
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
	delete(l.lost, pid)
	lost = saved.LostSocket
	lost.Known = true
	return lost, nil
}

// trimLostLocked removes lost sockets that are older than oldest, or too many. A lost
// socket that was restored counts until it is the oldest.
func (l *Log) trimLostLocked(oldest time.Time) {
	n := 0
	for n < len(l.queue) {
		lost := l.queue[n]
		saved := l.lost[lost.PID] == lost
		if saved && !lost.Lost.Before(oldest) && len(l.queue)-n <= maxLost && l.held <= maxLostBytes {
			break
		}
		if saved {
			delete(l.lost, lost.PID)
		}
		l.held -= lost.size
		n++
	}
	clear(l.queue[:n])
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil
	}
}
