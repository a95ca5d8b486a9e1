package hub

import (
	"sync"
	"sync/atomic"
)

// otherIDs has the ids of a namespace's sockets on this node that another server made:
// the ones of sockets that Node.js servers had before they were recovered here.
type otherIDs struct {
	size atomic.Int64 // of ids: without one, readers take no lock

	mu  sync.Mutex // guards ids; a leaf
	ids map[string]int
}

// addSocket adds the id of a socket, if another server made it.
func (o *otherIDs) addSocket(s *Socket) {
	if !s.restored || isOwnID(s.id) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids == nil {
		o.ids = make(map[string]int)
	}
	o.ids[s.id]++
	o.size.Add(1)
}

// removeSocket undoes addSocket.
func (o *otherIDs) removeSocket(s *Socket) {
	if !s.restored || isOwnID(s.id) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids[s.id]--; o.ids[s.id] == 0 {
		delete(o.ids, s.id)
	}
	o.size.Add(-1)
}

// has reports whether a socket has the id.
func (o *otherIDs) has(id string) bool {
	if o.size.Load() == 0 {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ids[id] > 0
}
