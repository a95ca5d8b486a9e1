package hub

import (
	"bytes"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// Receive implements [engine.Receiver]: it decodes one Engine.IO message, and handles the
// packet that it completes.
func (c *client) Receive(message eio.Packet) error {
	p, complete, err := c.decoder.Add(message)
	switch {
	case err != nil && !c.hasDecoded:
		c.warnParser(message, err)
		c.refusePacket(ReasonForced, err)
	case err != nil:
		c.refusePacket(ReasonForced, err)
	case complete:
		c.hasDecoded = true
		c.awaitedPacket.Store(0)
		c.receivePacket(p)
		c.releasePending(c.pendingBytes)
	case !c.chargePending():
	case c.awaitedPacket.Load() == 0:
		c.hasDecoded = true
		c.awaitAttachments()
	}
	return nil
}

// awaitAttachments closes the connection if a packet's attachments do not come within
// attachmentsTimeout.
func (c *client) awaitAttachments() {
	c.attachmentPackets++
	c.awaitedPacket.Store(c.attachmentPackets)
	c.checkAttachmentsLater(c.attachmentPackets)
}

// checkAttachmentsLater closes the connection after attachmentsTimeout if the attachments
// of a packet are still awaited then. A client that is sending one gets the time again: on
// a slow network, large attachments take longer. The engine limits the time of each.
func (c *client) checkAttachmentsLater(packet uint64) {
	c.session.SetAlarm(attachmentsTimeout, func() {
		switch awaited := c.awaitedPacket.Load(); {
		case awaited == 0:
		case awaited != packet, c.session.IsReceiving():
			c.checkAttachmentsLater(awaited)
		default:
			c.refusePacket(ReasonForced, errAttachments)
		}
	})
}

// refusePacket closes the connection because a packet breaks the protocol.
func (c *client) refusePacket(reason string, err error) {
	if e := c.hub.log().Check(zap.DebugLevel, "packet refused"); e != nil {
		e.Write(zap.String("address", c.session.Handshake().Address), zap.Error(err))
	}
	c.hub.stats.refusedPackets.Add(1)
	c.session.CloseFor(reason, "packet refused: "+shortenText(err.Error()))
}

// receivePacket handles one packet by its type.
func (c *client) receivePacket(p sio.Packet) {
	s := c.findSocket(p.Namespace)
	if p.Type == sio.Connect {
		c.receiveConnect(s, p)
		return
	}
	if s == nil {
		switch {
		case c.version == sio.V4 && p.Type == sio.Disconnect:
			c.session.SpendPacket()
			c.dropHeldConnect(p.Namespace)
		case c.version == sio.V5 && !c.isFormer(p.Namespace):
			c.refusePacket(ReasonForcedServer, errNotConnected)
		default:
			c.session.SpendUseless()
		}
		return // it was sent before the client was informed of the disconnect
	}
	switch p.Type {
	case sio.Disconnect:
		c.session.SpendPacket()
		s.startDisconnect(ReasonClientDisconnect)
	case sio.Event, sio.BinaryEvent:
		c.receiveEvent(s, p)
	case sio.Ack, sio.BinaryAck:
		if !p.HasID || !s.ns.acks.resolveAck(s, p.ID, p.Data) {
			c.session.SpendUseless() // an expected one is the server's own wish
		}
	default:
		c.session.SpendUseless()
	}
}

// receiveEvent puts an event into the socket's inbox, unless it exceeds the rate limit.
// It waits while the inbox is full.
func (c *client) receiveEvent(s *Socket, p sio.Packet) {
	if s.state.Load() == stateConnecting {
		c.session.SpendUseless()
		return // official clients send no events before they are connected
	}
	name, args, err := p.Event()
	if err == nil {
		err = CheckEvent(name) // as the parser of Node.js does
	}
	if err != nil {
		c.refusePacket(ReasonForced, err)
		return
	}
	ev := &Event{Type: ClientEvent, Name: name, Socket: s, Args: args, ackID: p.ID}
	ev.wantsAck.Store(p.HasID)
	if !c.session.TakePacket() {
		c.dropExcess(limitedConnection, s.ns.name, name)
		ev.ackError(errRateLimit.Message)
		return
	}
	if !s.takeEvent(ev) {
		c.dropExcess(limitedRule, s.ns.name, name)
		ev.ackError(errRateLimit.Message)
		return
	}
	if !isWholeName(name, p.Data) {
		ev.ackError(errEventName.Message)
		return
	}
	if !c.chargeEvent(ev) {
		return
	}
	s.ns.counts.Load().events.Add(1)
	s.observeEvent(p.Data)
	s.interruptHandlers(ev)
	s.queueEvent(ev, c.session.Done())
}

// receiveConnect handles a connect packet. s is the client's socket in the packet's
// namespace, or nil.
func (c *client) receiveConnect(s *Socket, p sio.Packet) {
	switch {
	case s == nil && !c.session.TakePacket():
		c.dropExcess(limitedConnection, p.Namespace, string(Connect))
		c.sendConnectError(p.Namespace, errRateLimit)
	case s == nil:
		c.connectSocket(p)
	case s.state.Load() == stateConnecting:
		c.receiveSecondConnect(s, p)
	case c.version == sio.V4:
		// Some clients of Socket.IO 2 connect to "/", which they are in already.
		c.session.SpendUseless()
		_ = s.sendPacket(sio.Packet{Type: sio.Connect, Namespace: s.ns.name})
	default:
		c.refusePacket(ReasonForcedServer, errAlreadyConnected)
	}
}

// receiveSecondConnect handles a second connect packet while the first one's socket is
// connecting. A component that React mounts twice disconnects and connects so fast;
// clients send no packet for that disconnect. The same packet gets the reply to the
// first one. A packet with other auth replaces the socket, which must not be connected
// as the former user. Node.js would connect both.
func (c *client) receiveSecondConnect(s *Socket, p sio.Packet) {
	same := p.Query == s.query && (c.version == sio.V4 || bytes.Equal(packetAuth(p).JSON, s.auth.JSON))
	if same || c.version == sio.V4 && p.Namespace == "/" { // the server connects it to "/"
		c.session.SpendUseless()
		return
	}
	s.startDisconnect(ReasonClientDisconnect)
	c.receiveConnect(nil, p)
}

// packetAuth returns the auth of a connect packet of protocol version 5.
func packetAuth(p sio.Packet) sio.Data {
	if len(p.Data.JSON) == 0 {
		return noAuth
	}
	return p.Data
}

// connectSocket makes a socket in the packet's namespace and starts its lifecycle, or
// sends a connect error.
func (c *client) connectSocket(p sio.Packet) {
	if held, refusal := c.holdConnect(p); held {
		if refusal != nil {
			c.sendConnectError(p.Namespace, refusal)
		}
		return
	}
	ns, refusal := c.hub.enterNamespace(c, p.Namespace)
	if refusal != nil {
		c.logConnectError(p.Namespace, refusal)
		c.sendConnectError(p.Namespace, refusal)
		return
	}
	s := &Socket{
		id: c.newSocketID(p.Namespace), ns: ns, client: c, auth: packetAuth(p),
		query: p.Query, admission: new(admission), began: readClock(), grace: gracePeriod{ctx: lazyContext{hub: c.hub}},
	}
	if c.version == sio.V4 {
		s.auth = queryObject(s.Handshake().Query())
	}
	if refusal := c.addSocket(s); refusal != nil {
		c.hub.removeUser(ns)
		if refusal != errConnectPending {
			c.sendConnectError(p.Namespace, refusal)
		}
		return
	}
	s.startLifecycle()
}
