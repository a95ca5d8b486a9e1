package hub

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// client is one connection, with its sockets in several namespaces. The engine calls
// Receive and Closed.
type client struct {
	// Static after construction.
	hub     *Hub
	session *engine.Session
	account *budget.Account // of the session
	route   *Route
	version sio.Version
	traced  bool        // its request has a span, see spanStarter
	ctx     lazyContext // ends with the connection

	// Owned by Receive.
	decoder           sio.Decoder
	attachmentPackets uint64 // number of packets with attachments
	hasDecoded        bool   // true when a packet was decoded
	// ruleBuckets are by namespace; nil before the first event of a rule with a rate.
	ruleBuckets  map[string]*ruleBuckets
	pendingBytes int // charged for the attachments of a packet that is not complete

	// awaitedPacket is the number of the packet whose attachments are awaited, 0 if
	// none are.
	awaitedPacket atomic.Uint64

	running atomic.Int32 // goroutines that handle events of its sockets

	mu               sync.Mutex // guards the following; a leaf
	sockets          []*Socket  // few: searched one by one
	lifecycles       int        // number of sockets whose lifecycle has not ended
	formerNamespaces []string   // that its sockets disconnected from
	// A 2.x client connects to "/" first. Its connect packets for other namespaces are
	// held until then, and dropped after a connect error of "/".
	root         rootState
	heldConnects []sio.Packet
	closed       bool
}

// acceptSession returns the receiver of a new session. The error says that the request
// came through a config that is being replaced.
func (h *Hub) acceptSession(session *engine.Session) (engine.Receiver, error) {
	c := &client{hub: h, session: session, account: session.Account(), version: sio.V5, route: sessionRoute(session), ctx: lazyContext{hub: h}}
	if c.route.removed.Load() || !c.route.coversHandshake(session.Handshake()) {
		return nil, errRouteRemoved
	}
	if session.Version() == eio.V3 {
		c.version = sio.V4
	}
	c.decoder = sio.Decoder{Version: c.version, Limits: sio.DefaultLimits, Allow: c.allowBinary}
	session.SetOnShed(c.shed)
	c.traced = h.noteTracer(session.Handshake())
	session.SetAlarm(c.route.config().ConnectTimeout, c.closeUnjoined)
	if c.version == sio.V4 {
		c.root = rootPending
		c.connectSocket(sio.Packet{Type: sio.Connect, Namespace: "/"})
	}
	return c, nil
}

// closeUnjoined closes a connection that was in no namespace until the connect timeout.
func (c *client) closeUnjoined() {
	c.mu.Lock()
	joined := slices.ContainsFunc(c.sockets, (*Socket).isConnected) || len(c.formerNamespaces) > 0
	c.mu.Unlock()
	if !joined {
		c.session.CloseFor(ReasonForcedServer, "in no namespace within connect_timeout")
	}
}

// allowBinary reports whether attachments for a namespace are accepted: not before the
// client is in it. Their timeout would replace the connect timeout, see
// [client.closeUnjoined].
func (c *client) allowBinary(namespace string) bool {
	if s := c.findSocket(namespace); s != nil {
		return s.state.Load() != stateConnecting
	}
	return c.isFormer(namespace)
}

// addSocket adds a new socket, or returns a connect error.
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
	if !c.account.Charge(budget.Auth, s.auth.Size()) {
		return errMemoryExceeded
	}
	c.account.Add(budget.Session, socketCost+len(s.query))
	c.account.Retain()
	c.lifecycles++
	c.sockets = append(c.sockets, s)
	return nil
}

// removeSocket removes a socket that disconnects or was not accepted.
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
		c.root = rootRefused
		c.takeHeldConnectsLocked()
	}
}

// endLifecycle counts the end of a socket's lifecycle.
func (c *client) endLifecycle() {
	c.mu.Lock()
	c.lifecycles--
	c.mu.Unlock()
}

// addFormerLocked keeps the name of a namespace that a socket disconnected from: packets
// that the client sent before it was informed are no errors. The oldest name is dropped
// for the one after MaxNamespaces.
func (c *client) addFormerLocked(namespace string) {
	if slices.Contains(c.formerNamespaces, namespace) {
		return
	}
	if len(c.formerNamespaces) == MaxNamespaces {
		c.account.Release(budget.Session, formerBytes(c.formerNamespaces[0]))
		c.formerNamespaces = slices.Delete(c.formerNamespaces, 0, 1)
	}
	c.formerNamespaces = append(c.formerNamespaces, namespace)
	c.account.Add(budget.Session, formerBytes(namespace)) // at most MaxNamespaces names
}

// formerBytes returns how many bytes the name of a former namespace takes, with its place.
func formerBytes(namespace string) int { return len(namespace) + len(namespace)/8 + 16 }

// isFormer reports whether a socket of the connection disconnected from the namespace.
func (c *client) isFormer(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.formerNamespaces, namespace)
}

// findSocket returns the client's socket in a namespace, or nil.
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

// listSockets returns the connection's sockets.
func (c *client) listSockets() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sockets)
}

// disconnectAll disconnects all sockets of the connection, then closes it.
func (c *client) disconnectAll() {
	for _, s := range c.listSockets() {
		s.disconnectByServer()
	}
	c.session.CloseFor(ReasonServerDisconnect, "the server closed the connection of the socket")
}

// Closed implements [engine.Receiver]: it disconnects the connection's sockets.
func (c *client) Closed(reason string) {
	c.ctx.end()
	c.mu.Lock()
	c.closed = true
	sockets := slices.Clone(c.sockets)
	c.takeHeldConnectsLocked()
	c.mu.Unlock()
	for _, s := range sockets {
		s.startDisconnect(reason)
	}
}

// newSocketID returns the id of a new socket. Clients of Socket.IO 2 derive the same id
// from the connection's.
func (c *client) newSocketID(namespace string) string {
	if c.version == sio.V5 {
		return id.New()
	}
	if namespace == "/" {
		return c.session.ID()
	}
	return namespace + "#" + c.session.ID()
}
