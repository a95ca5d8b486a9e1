package hub

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
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
	assembling atomic.Uint64
	assembled  uint64
	understood bool    // a packet was decoded; owned by Receive
	limiter    limiter // owned by Receive

	mu      sync.Mutex // guards the following; a leaf
	sockets []*Socket  // few: found by walking
	alive   int        // those, and others whose end is being handled
	former  []string   // namespaces that it has left
	// A 2.x client is in "/" before it is anywhere else: what it asks for
	// meanwhile waits here, and never happens when "/" refuses it.
	gate    gate
	waiting []sio.Packet
	closed  bool
}

// accept begins a connection.
func (h *Hub) accept(session *engine.Session) (engine.Receiver, error) {
	c := &client{hub: h, session: session, version: sio.V5, route: routeOf(session)}
	if c.route.gone.Load() || !c.route.covers(session.Handshake()) {
		return nil, errRouteGone // the request came by a config that is replaced
	}
	if session.Version() == eio.V3 {
		c.version = sio.V4
	}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	c.decoder = sio.Decoder{Version: c.version, Limits: sio.DefaultLimits, Allow: c.allowBinary}
	session.SetAlarm(c.route.config().ConnectTimeout, c.expire)
	if c.version == sio.V4 {
		c.gate = gateWaiting
		c.connect(sio.Packet{Type: sio.Connect, Namespace: "/"})
	}
	return c, nil
}

// expire ends a connection that is in no namespace after the connect timeout.
func (c *client) expire() {
	c.mu.Lock()
	joined := slices.ContainsFunc(c.sockets, (*Socket).isConnected) || len(c.former) > 0
	c.mu.Unlock()
	if !joined {
		c.session.Close(ReasonForcedServer)
	}
}

// Receive takes one Engine.IO message.
func (c *client) Receive(message eio.Packet) error {
	p, complete, err := c.decoder.Add(message)
	switch {
	case err != nil && !c.understood:
		c.warnParser(message, err)
		c.reject(ReasonForced, err)
	case err != nil:
		c.reject(ReasonForced, err)
	case complete:
		c.understood = true
		c.assembling.Store(0)
		c.take(p)
	case c.assembling.Load() == 0:
		c.understood = true
		c.assemble()
	}
	return nil
}

// assemble gives the client a time for the attachments of a packet.
func (c *client) assemble() {
	c.assembled++
	packet := c.assembled
	c.assembling.Store(packet)
	c.session.SetAlarm(attachmentsTimeout, func() {
		if c.assembling.Load() == packet {
			c.reject(ReasonForced, errAttachments)
		}
	})
}

// reject closes a connection that broke the protocol.
func (c *client) reject(reason string, err error) {
	if e := c.hub.log().Check(zap.DebugLevel, "packet refused"); e != nil {
		e.Write(zap.String("address", c.session.Handshake().Address), zap.Error(err))
	}
	c.hub.stats.refusedPackets.Add(1)
	c.session.Close(reason)
}

// allowBinary says whether the attachments of a packet for a namespace are worth
// waiting for: not before the client is in it. That would also end the wait for it
// to be in one, see [client.expire].
func (c *client) allowBinary(namespace string) bool {
	if s := c.socket(namespace); s != nil {
		return s.state.Load() != stateConnecting
	}
	return c.left(namespace)
}

// take does what a packet says.
func (c *client) take(p sio.Packet) {
	s := c.socket(p.Namespace)
	if p.Type == sio.Connect {
		c.takeConnect(s, p)
		return
	}
	if s == nil {
		switch {
		case c.version == sio.V4 && p.Type == sio.Disconnect:
			c.dropHeld(p.Namespace)
		case c.version == sio.V5 && !c.left(p.Namespace):
			c.reject(ReasonForcedServer, errNotJoined)
		}
		return // it was sent before the client knew that it is out
	}
	switch p.Type {
	case sio.Disconnect:
		s.close(ReasonClientDisconnect)
	case sio.Event, sio.BinaryEvent:
		c.takeEvent(s, p)
	case sio.Ack, sio.BinaryAck:
		if p.HasID {
			s.ns.acks.resolve(s, p.ID, p.Data)
		}
	}
}

func (c *client) takeEvent(s *Socket, p sio.Packet) {
	if s.state.Load() == stateConnecting {
		return // no client sends events before it is connected
	}
	name, args, err := p.Event()
	if err == nil {
		err = CheckEvent(name) // as the reference's parser has it
	}
	if err != nil {
		c.reject(ReasonForced, err)
		return
	}
	ev := &Event{Type: ClientEvent, Name: name, Socket: s, Args: args, ack: p.ID}
	ev.wantsAck.Store(p.HasID)
	if !c.allowed(s.ns.name, name) {
		ev.fail(errRate.Message)
		return
	}
	if !isWhole(name, p.Data) {
		ev.fail(errEventName.Message)
		return
	}
	s.ns.counts.Load().events.Add(1)
	if s.inbox.push(ev, c.session.Done()) {
		s.run()
	}
}

func (c *client) takeConnect(s *Socket, p sio.Packet) {
	switch {
	case s == nil && !c.allowed(p.Namespace, string(Connect)):
		c.refuse(p.Namespace, errRate)
	case s == nil:
		c.connect(p)
	case s.state.Load() == stateConnecting:
		c.connectAgain(s, p)
	case c.version == sio.V4:
		// Some 2.x clients ask for "/", which they have already.
		_ = s.sendPacket(sio.Packet{Type: sio.Connect, Namespace: s.ns.name})
	default:
		c.reject(ReasonForcedServer, errJoinedTwice)
	}
}

// connectAgain takes the connect packet of a client that has disconnected and connected
// again before it had an answer, as a component does that React mounts twice. Clients
// send no packet for that disconnect. The same packet again gets the answer to the first
// one. Other auth replaces the socket: it must not be connected as somebody that its
// client no longer is. Node.js would connect both.
func (c *client) connectAgain(s *Socket, p sio.Packet) {
	same := p.Query == s.query && (c.version == sio.V4 || bytes.Equal(authOf(p).JSON, s.auth.JSON))
	if same || c.version == sio.V4 && p.Namespace == "/" { // the server connects it to "/"
		return
	}
	s.close(ReasonClientDisconnect)
	c.takeConnect(nil, p)
}

// authOf returns the auth of a V5 connect packet.
func authOf(p sio.Packet) sio.Data {
	if len(p.Data.JSON) == 0 {
		return noAuth
	}
	return p.Data
}

// connect makes a socket in the packet's namespace and starts its life, or
// refuses it.
func (c *client) connect(p sio.Packet) {
	if held, refusal := c.held(p); held {
		if refusal != nil {
			c.refuse(p.Namespace, refusal)
		}
		return
	}
	ns, refusal := c.hub.enter(c.route, p.Namespace)
	if refusal != nil {
		c.logRefusal(p.Namespace, refusal)
		c.refuse(p.Namespace, refusal)
		return
	}
	s := &Socket{
		id: c.socketID(p.Namespace), ns: ns, client: c, auth: authOf(p),
		query: p.Query, done: make(chan struct{}), opening: new(opening),
	}
	if c.version == sio.V4 {
		s.auth = queryObject(s.Handshake().Query())
	}
	if refusal := c.add(s); refusal != nil {
		c.hub.leave(ns)
		if refusal != errAskedTwice {
			c.refuse(p.Namespace, refusal)
		}
		return
	}
	s.start()
}

func (c *client) add(s *Socket) *ClientError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.alive >= MaxNamespaces {
		return errManyNamespaces
	}
	size := s.auth.Size()
	for _, other := range c.sockets {
		if other.ns == s.ns {
			return errAskedTwice
		}
		size += other.auth.Size()
	}
	if size > MaxAuth {
		return errLargeAuth
	}
	c.alive++
	c.sockets = append(c.sockets, s)
	return nil
}

// forget takes a socket out that is no more, or never was.
func (c *client) forget(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if s.state.Load() == stateDisconnecting {
		c.formerLocked(s.ns.name)
	}
	if c.gate == gateWaiting && s.ns.name == "/" {
		c.gate, c.waiting = gateShut, nil
	}
}

// ended says that the life of a socket of the connection is over.
func (c *client) ended() {
	c.mu.Lock()
	c.alive--
	c.mu.Unlock()
}

// formerLocked remembers a namespace that the client has left, so that what it
// sent before it knew does not count as an error. It remembers so many.
func (c *client) formerLocked(namespace string) {
	if slices.Contains(c.former, namespace) {
		return
	}
	if len(c.former) == MaxNamespaces {
		c.former = slices.Delete(c.former, 0, 1)
	}
	c.former = append(c.former, namespace)
}

func (c *client) left(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.former, namespace)
}

func (c *client) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == namespace {
			return s
		}
	}
	return nil
}

// disconnect ends all sockets of the connection, then closes it.
func (c *client) disconnect() {
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
	c.waiting = nil
	c.mu.Unlock()
	for _, s := range sockets {
		s.close(reason)
	}
}

// socketID returns the id of a new socket. 2.x clients derive theirs from the
// connection's.
func (c *client) socketID(namespace string) string {
	if c.version == sio.V5 {
		return newID()
	}
	if namespace == "/" {
		return c.session.ID()
	}
	return namespace + "#" + c.session.ID()
}
