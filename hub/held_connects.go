package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// gate is whether a client may be elsewhere than in "/". That of a 2.x client opens
// when it is in there, as its server lets nobody around it.
type gate int

const (
	gateOpen gate = iota
	gateWaiting
	gateShut
)

// held keeps the packet of a 2.x client that is not in "/" yet, as much as a client
// may connect with and no more.
func (c *client) held(p sio.Packet) (held bool, refusal *ClientError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate == gateOpen || p.Namespace == "/" {
		return false, nil
	}
	if c.gate == gateShut {
		return true, nil
	}
	p.Data = sio.Data{}           // which means nothing in what a 2.x client connects with
	c.dropHeldLocked(p.Namespace) // the last packet counts
	size := len(p.Query)
	for _, waiting := range c.waiting {
		size += len(waiting.Query)
	}
	switch {
	case size > MaxAuth:
		return true, errLargeAuth
	case len(c.waiting) >= MaxNamespaces:
		return true, errManyNamespaces
	}
	c.waiting = append(c.waiting, p)
	return true, nil
}

// dropHeld drops the packet of a 2.x client that has left the namespace before it was
// let into "/".
func (c *client) dropHeld(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropHeldLocked(namespace)
}

func (c *client) dropHeldLocked(namespace string) {
	c.waiting = slices.DeleteFunc(c.waiting, func(p sio.Packet) bool { return p.Namespace == namespace })
}

// joined says that a socket of the connection is connected.
func (c *client) joined(s *Socket) {
	c.session.MarkJoined()
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
