package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// rootState says whether a client may connect to other namespaces than "/". A client of
// Socket.IO 2 may when its socket in "/" is connected, as with that version's server: the
// connect handlers of "/" guard all namespaces.
type rootState int

const (
	rootDone    rootState = iota // it may; always so for later clients
	rootPending                  // the socket in "/" is connecting
	rootRefused                  // the socket in "/" got a connect error
)

// holdConnect keeps a connect packet until the client's socket in "/" is connected, if
// that is necessary. It keeps at most MaxNamespaces packets with MaxAuth bytes of query, as
// far as the connection's memory allows, and returns a connect error for more.
func (c *client) holdConnect(p sio.Packet) (held bool, refusal *ClientError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == rootDone || p.Namespace == "/" {
		return false, nil
	}
	if c.root == rootRefused {
		return true, nil
	}
	p.Data = sio.Data{}                  // Socket.IO 2 has no auth
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
	case !c.account.Charge(budget.Session, heldBytes(p)):
		return true, errMemoryExceeded
	}
	c.heldConnects = append(c.heldConnects, p)
	return true, nil
}

// dropHeldConnect drops the held packet for a namespace that the client disconnected
// from.
func (c *client) dropHeldConnect(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropHeldConnectLocked(namespace)
}

func (c *client) dropHeldConnectLocked(namespace string) {
	c.heldConnects = slices.DeleteFunc(c.heldConnects, func(p sio.Packet) bool {
		if p.Namespace != namespace {
			return false
		}
		c.account.Release(budget.Session, heldBytes(p))
		return true
	})
}

// takeHeldConnectsLocked returns the held packets, and holds none any more.
func (c *client) takeHeldConnectsLocked() []sio.Packet {
	held := c.heldConnects
	c.heldConnects = nil
	for _, p := range held {
		c.account.Release(budget.Session, heldBytes(p))
	}
	return held
}

// heldBytes returns how many bytes a held packet takes.
func heldBytes(p sio.Packet) int { return heldCost + len(p.Namespace) + len(p.Query) }

// markConnected stops the connect timeout when a socket of the connection is connected,
// and handles the held packets when that is the socket in "/".
func (c *client) markConnected(s *Socket) {
	c.session.MarkJoined()
	if s.ns.name != "/" || c.version != sio.V4 {
		return
	}
	c.mu.Lock()
	c.root = rootDone
	waiting := c.takeHeldConnectsLocked()
	c.mu.Unlock()
	for _, p := range waiting {
		c.connectSocket(p)
	}
}
