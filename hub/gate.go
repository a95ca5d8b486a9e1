package hub

import "github.com/caddy-socketio/caddy-socketio/sio"

// gate is what keeps a 2.x client out of all namespaces until it is in "/".
type gate int

const (
	gateOpen gate = iota
	gateWaiting
	gateShut
)

// held keeps the packet of a 2.x client that is not in "/" yet, or drops it where it
// is more than the client may ask for.
func (c *client) held(p sio.Packet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate == gateOpen || p.Namespace == "/" {
		return false
	}
	size := len(p.Query)
	for _, other := range c.waiting {
		size += len(other.Query)
	}
	if c.gate == gateWaiting && len(c.waiting) < MaxNamespaces && size <= MaxAuth {
		p.Data = sio.Data{} // its query is what counts
		c.waiting = append(c.waiting, p)
	}
	return true
}

// joined says that a socket of the connection is connected.
func (c *client) joined(s *Socket) {
	c.session.Joined()
	if s.ns.name != "/" || c.version != sio.V4 {
		return
	}
	c.mu.Lock()
	c.gate = gateOpen
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, p := range waiting {
		c.connect(p)
	}
}
