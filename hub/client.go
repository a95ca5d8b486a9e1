package hub

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// client is one connection, with its sockets in several namespaces.
type client struct {
	// Static after construction.
	hub     *Hub
	session *engine.Session
	route   *Route
	version sio.Version
	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc

	decoder sio.Decoder // owned by Receive
	// assembling is the number of the packet whose attachments are awaited, 0
	// when there is none; assembled counts them and is owned by Receive.
	awaitedPacket     atomic.Uint64
	attachmentPackets uint64
	hasDecoded        bool    // a packet was decoded; owned by Receive
	limiter           limiter // owned by Receive

	mu               sync.Mutex // guards the following; a leaf
	sockets          []*Socket  // few: found by walking
	lifecycles       int        // those, and others whose end is being handled
	formerNamespaces []string   // namespaces that it has left
	// A 2.x client is in "/" before it is anywhere else: what it asks for
	// meanwhile waits here, and never happens when "/" refuses it.
	root         rootState
	heldConnects []sio.Packet
	closed       bool
}

// acceptSession begins a connection.
func (h *Hub) acceptSession(session *engine.Session) (engine.Receiver, error) {
	c := &client{hub: h, session: session, version: sio.V5, route: sessionRoute(session)}
	if c.route.removed.Load() || !c.route.coversHandshake(session.Handshake()) {
		return nil, errRouteRemoved // the request came by a config that is replaced
	}
	if session.Version() == eio.V3 {
		c.version = sio.V4
	}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	c.decoder = sio.Decoder{Version: c.version, Limits: sio.DefaultLimits, Allow: c.allowBinary}
	session.SetAlarm(c.route.config().ConnectTimeout, c.closeUnjoined)
	if c.version == sio.V4 {
		c.root = rootPending
		c.connectSocket(sio.Packet{Type: sio.Connect, Namespace: "/"})
	}
	return c, nil
}

// closeUnjoined ends a connection that is in no namespace after the connect timeout.
func (c *client) closeUnjoined() {
	c.mu.Lock()
	joined := slices.ContainsFunc(c.sockets, (*Socket).isConnected) || len(c.formerNamespaces) > 0
	c.mu.Unlock()
	if !joined {
		c.session.Close(ReasonForcedServer)
	}
}

// allowBinary says whether the attachments of a packet for a namespace are worth
// waiting for: not before the client is in it. That would also end the wait for it
// to be in one, see [client.expire].
func (c *client) allowBinary(namespace string) bool {
	if s := c.findSocket(namespace); s != nil {
		return s.state.Load() != stateConnecting
	}
	return c.isFormer(namespace)
}

func (c *client) addSocket(s *Socket) *ClientError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.lifecycles >= MaxNamespaces {
		return errTooManyNamespaces
	}
	size := s.auth.Size()
	for _, other := range c.sockets {
		if other.ns == s.ns {
			return errConnectPending
		}
		size += other.auth.Size()
	}
	if size > MaxAuth {
		return errAuthTooLarge
	}
	c.lifecycles++
	c.sockets = append(c.sockets, s)
	return nil
}

// removeSocket takes a socket out that is no more, or never was.
func (c *client) removeSocket(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if s.state.Load() == stateDisconnecting {
		c.addFormerLocked(s.ns.name)
	}
	if c.root == rootPending && s.ns.name == "/" {
		c.root, c.heldConnects = rootRefused, nil
	}
}

// endLifecycle says that the life of a socket of the connection is over.
func (c *client) endLifecycle() {
	c.mu.Lock()
	c.lifecycles--
	c.mu.Unlock()
}

// addFormerLocked remembers a namespace that the client has left, so that what it
// sent before it knew does not count as an error. It remembers so many.
func (c *client) addFormerLocked(namespace string) {
	if slices.Contains(c.formerNamespaces, namespace) {
		return
	}
	if len(c.formerNamespaces) == MaxNamespaces {
		c.formerNamespaces = slices.Delete(c.formerNamespaces, 0, 1)
	}
	c.formerNamespaces = append(c.formerNamespaces, namespace)
}

func (c *client) isFormer(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.formerNamespaces, namespace)
}

func (c *client) findSocket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == namespace {
			return s
		}
	}
	return nil
}

// disconnectAll ends all sockets of the connection, then closes it.
func (c *client) disconnectAll() {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		s.kick()
	}
	c.session.Close(ReasonServerDisconnect)
}

// Closed ends what is left of the connection's sockets.
func (c *client) Closed(reason string) {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	sockets := slices.Clone(c.sockets)
	c.heldConnects = nil
	c.mu.Unlock()
	for _, s := range sockets {
		s.close(reason)
	}
}

// newSocketID returns the id of a new socket. 2.x clients derive theirs from the
// connection's.
func (c *client) newSocketID(namespace string) string {
	if c.version == sio.V5 {
		return id.New()
	}
	if namespace == "/" {
		return c.session.ID()
	}
	return namespace + "#" + c.session.ID()
}
