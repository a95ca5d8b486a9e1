package hub

import (
	"sync"
	"time"
)

const (
	// maxClosedSockets is how many disconnected sockets a hub keeps a record of, and
	// closedSocketTime how long. A record takes about 350 bytes.
	maxClosedSockets = 10_000
	closedSocketTime = 10 * time.Minute
)

// closedSocket is the record of a disconnected socket.
type closedSocket struct {
	id, logID, namespace, address string
	transport, user               string
	reason, cause                 string
	protocol                      uint8
	recoverable                   bool // it is saved for its client
	opened, closed                time.Time
	traffic                       Traffic
	lastEvent                     *LastEvent
}

// closedSockets are the records of the sockets that disconnected last. Adding one takes no
// search: an inspection, which is rare, searches all.
type closedSockets struct {
	mu   sync.Mutex     // guards the following; a leaf
	list []closedSocket // a ring when it is full
	next int            // the place of the next record when the list is full
}

// addRecord adds a record. When all others have expired, they are dropped.
func (c *closedSockets) addRecord(s closedSocket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.list); n > 0 && s.closed.Sub(c.list[(c.next+n-1)%n].closed) > closedSocketTime {
		c.list, c.next = nil, 0
	}
	if len(c.list) < maxClosedSockets {
		c.list = append(c.list, s)
		return
	}
	c.list[c.next] = s
	c.next = (c.next + 1) % maxClosedSockets
}

// findRecord returns the newest record of a socket that has not expired.
func (c *closedSockets) findRecord(q *InspectionQuery) (found closedSocket, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.list {
		s := &c.list[i]
		if (s.id == q.ID || s.logID == q.ID) && s.closed.After(found.closed) && time.Since(s.closed) <= closedSocketTime && q.allows(s.namespace) {
			found, ok = *s, true
		}
	}
	return found, ok
}

// recordClose keeps a record of a socket that has disconnected.
func (s *Socket) recordClose(reason string) {
	h, session := s.handshakeRequest(), s.client.session
	s.ns.hub.closed.addRecord(closedSocket{
		id: s.id, logID: s.logID(), namespace: s.ns.name, address: h.Address,
		transport: session.Transport(), user: shortenText(s.findUser()), traffic: Traffic(session.Traffic()),
		reason: reason, cause: session.CloseCause(), protocol: uint8(session.Version()), recoverable: s.lost.Load(),
		opened: h.Time, closed: time.Now(), lastEvent: s.copyLastEvent(),
	})
}
