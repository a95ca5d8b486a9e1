package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// rootState is whether a client may be elsewhere than in "/". That of a 2.x client opens
// when it is in there, as its server lets nobody around it.
type rootState int

const (
	rootDone rootState = iota
	rootPending
	rootRefused
)

// holdConnect keeps the packet of a 2.x client that is not in "/" yet, as much as a client
// may connect with and no more.
func (c *client) holdConnect(p sio.Packet) (holdConnect bool, refusal *ClientError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == rootDone || p.Namespace == "/" {
		return false, nil
	}
	if c.root == rootRefused {
		return true, nil
	}
	p.Data = sio.Data{}                  // which means nothing in what a 2.x client connects with
	c.dropHeldConnectLocked(p.Namespace) // the last packet counts
	size := len(p.Query)
	for _, waiting := range c.heldConnects {
		size += len(waiting.Query)
	}
	switch {
	case size > MaxAuth:
		return true, errAuthTooLarge
	case len(c.heldConnects) >= MaxNamespaces:
		return true, errTooManyNamespaces
	}
	c.heldConnects = append(c.heldConnects, p)
	return true, nil
}

// dropHeldConnect drops the packet of a 2.x client that has left the namespace before it was
// let into "/".
func (c *client) dropHeldConnect(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropHeldConnectLocked(namespace)
}

func (c *client) dropHeldConnectLocked(namespace string) {
	c.heldConnects = slices.DeleteFunc(c.heldConnects, func(p sio.Packet) bool { return p.Namespace == namespace })
}

// markConnected says that a socket of the connection is connected.
func (c *client) markConnected(s *Socket) {
	c.session.MarkJoined()
	if s.ns.name != "/" || c.version != sio.V4 {
		return
	}
	c.mu.Lock()
	c.root = rootDone
	waiting := c.heldConnects
	c.heldConnects = nil
	c.mu.Unlock()
	for _, p := range waiting {
		c.connectSocket(p)
	}
}
