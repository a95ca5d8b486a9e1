package hub

import (
	"bytes"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

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
