package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	// minMessage is the capacity of a new buffer for a message, in bytes.
	minMessage = 4 << 10
	// keptMessage is the capacity of a message's buffer that is worth keeping, in bytes.
	keptMessage = 64 << 10
)

// messageBuffers are shared by all connections: an idle one holds none.
var messageBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, minMessage)
	return &b
}}

func keepMessageBuffer(b *[]byte) {
	if cap(*b) <= keptMessage {
		messageBuffers.Put(b)
	}
}

// webSocket is one WebSocket of a session: its writing side, which the session knows, and
// its reading side.
type webSocket struct {
	out outbound // has a doc of its own

	// Static after acceptWebSocket.
	pump       *pump
	compressed bool // permessage-deflate was negotiated

	// Owned by the goroutine that reads.
	in        *frames.Reader // nil while the WebSocket is idle
	early     *bytes.Reader  // bytes that came before the connection was taken over; nil once read
	socket    *socketReader  // nil while the WebSocket is idle, and without a descriptor
	role      role
	mayGoIdle bool // no message is expected soon after the latest one
	inMessage bool // the rest of a message is read, at the speed that pace measures
	pace      pace
	spare     int // bytes of the message's buffer that are not charged yet
	reserved  int // bytes that the session's account was charged for the message
	idleness  idleness
}

// role is the part of a WebSocket in its session.
type role uint8

const (
	roleSession role = iota // it carries the session
	roleProbe               // it probes whether it can
	roleRefused             // its handshake was accepted only to close it properly
)

func newWebSocket(s *Session, c net.Conn) *webSocket {
	ws := &webSocket{out: outbound{session: s, net: c, raw: rawConnOf(c)}, pump: s.server.nextPump()}
	ws.out.ws = ws
	return ws
}

// wire is a WebSocket's connection as its reader sees it.
type wire struct{ *webSocket }

// Read reads bytes of the client, the early ones first, and notes that it is alive.
func (w wire) Read(p []byte) (n int, err error) {
	if w.early != nil {
		n, _ = w.early.Read(p)
		if w.early.Len() == 0 {
			w.early = nil
		}
		w.out.session.noteBytes()
		return n, nil
	}
	if w.inMessage {
		return w.readPart(p)
	}
	if n, err = w.readConn(p); n > 0 {
		w.out.session.noteBytes()
	}
	return n, err
}

// readPart reads bytes of a message that has begun. errSlow means that they come too
// slowly.
func (w wire) readPart(p []byte) (n int, err error) {
	s := w.out.session
	if w.spare > 0 { // the buffer waits with the message
		s.account.Add(budget.Reading, w.spare)
		w.reserved, w.spare = w.reserved+w.spare, 0
	}
	before := s.server.now()
	n, err = w.readConn(p)
	if n > 0 && !s.notePart(&w.pace, n, before) {
		return n, errSlow
	}
	return n, err
}

// SendPong queues a pong.
func (w wire) SendPong(frame []byte) { w.out.sendControl(frame) }

// CountControl counts a ping or pong of the WebSocket protocol, which browsers do not send.
func (w wire) CountControl() {
	w.out.session.SpendUseless()
	w.out.session.awaitRates(nil)
}

// CountInflated counts the bytes of a message that was compressed.
func (w wire) CountInflated(n int) { w.out.session.spendInflated(n) }

// startReader reads on a goroutine of its own. It ends with the connection, or when the
// connection is idle.
func (ws *webSocket) startReader() {
	spawn.Go(ws.out.session.server.options.Log(), "websocket reader", ws.readUntilIdle, ws.closeAfterPanic)
}

// closeAfterPanic closes a connection whose reader panicked.
func (ws *webSocket) closeAfterPanic() {
	s := ws.out.session
	s.closeWith(ReasonForced, closeMode{cause: causePanic})
	ws.out.closeNow()
	ws.release()
}

// readUntilIdle reads messages until the connection ends, and then closes it, or until the
// connection is idle.
func (ws *webSocket) readUntilIdle() {
	account := ws.out.session.account
	account.Add(budget.Session, readerCost)
	defer account.Release(budget.Session, readerCost)
	if err := ws.readMessages(); err == errIdle {
		ws.becomeIdle()
	} else {
		ws.closeAfter(err)
	}
}

// hasReadAll reports whether all bytes read from the connection were used.
func (ws *webSocket) hasReadAll() bool { return ws.in.Buffered() == 0 && ws.early == nil }

// isIdleAtOnce reports whether no message is expected soon. TLS may have read one already,
// together with the latest: the watcher does not see these bytes, awaitBytes does.
func (ws *webSocket) isIdleAtOnce() bool { return ws.mayGoIdle && ws.out.raw != nil }

// readMessages reads messages until there is an error. It returns errIdle if the connection
// may be idle and all received bytes are handled: when nothing has come for a while, or, without
// TLS, after a packet that is no message, a heartbeat for example.
func (ws *webSocket) readMessages() (err error) {
	if ws.in, err = frames.Open(wire{ws}, ws.compressed); err != nil {
		return err
	}
	if ws.out.raw != nil {
		ws.socket = socketReaders.Get().(*socketReader)
		defer ws.releaseSocketReader()
	}
	for {
		if ws.idleness.possible && ws.hasReadAll() && (ws.isIdleAtOnce() || ws.awaitBytes()) {
			return errIdle
		}
		m, err := ws.in.Next(ws.out.session.route.config.Load().MaxPayload)
		if err != nil {
			return err
		}
		if err := ws.readMessage(m); err != nil {
			return err
		}
		ws.out.session.awaitRates(nil)
	}
}

// releaseSocketReader keeps the socketReader for another connection.
func (ws *webSocket) releaseSocketReader() {
	socketReaders.Put(ws.socket)
	ws.socket = nil
}

// Reserve charges the session for n bytes of the message that is read.
func (w wire) Reserve(n int) error {
	err := w.out.session.reserve(n)
	if err == nil {
		w.reserved += n
	}
	return err
}

// releaseMessage releases the bytes of the message that was read.
func (ws *webSocket) releaseMessage() {
	if ws.reserved > 0 {
		ws.out.session.account.Release(budget.Reading, ws.reserved)
		ws.reserved = 0
	}
}

// readMessage reads a message and handles its packet.
func (ws *webSocket) readMessage(m frames.Message) error {
	s := ws.out.session
	s.awaitReading()
	buf := messageBuffers.Get().(*[]byte)
	defer keepMessageBuffer(buf)
	defer ws.releaseMessage()
	ws.inMessage, ws.pace, ws.spare = true, pace{}, cap(*buf)-minMessage
	data, err := m.AppendTo((*buf)[:0], s.route.config.Load().MaxPayload)
	*buf, ws.inMessage = data, false
	if err != nil || ws.out.isClosing() { // messages that come after our close frame are dropped
		return err
	}
	s.server.stats.packetsIn.Add(1)
	s.server.stats.bytesIn.Add(uint64(len(data)))
	p, err := eio.Parse(data, m.Binary, s.handshake.Version)
	if err != nil {
		return err
	}
	// Many clients send only heartbeats once they have connected their namespaces.
	ws.mayGoIdle = p.Type != eio.TypeMessage && ws.role != roleProbe
	if ws.role == roleProbe {
		return ws.handleProbePacket(p)
	}
	ws.out.holdReplies()
	err = s.handlePacket(p)
	ws.out.writeReplies(!ws.hasReadAll())
	if err != nil && err != errClosed {
		return err
	}
	return nil
}

// closeAfter ends the reading because of err, and closes the connection. A session that
// the connection carries closes with it.
func (ws *webSocket) closeAfter(err error) {
	s := ws.out.session
	frame, reason := ws.explainClose(err)
	ws.out.setCloseFrame(frame)
	switch ws.role {
	case roleSession:
		// Messages queued before the client's close frame are still written before ours.
		s.closeWith(reason, closeMode{flush: frame != nil, cause: describeCause(err)})
	case roleProbe:
		s.dropProbe(&ws.out)
	}
	if frame != nil {
		// The client reads the close frame only if the connection is not reset
		// under it, which unread bytes would do.
		ws.out.closeGracefully(frame)
		_, _ = io.Copy(io.Discard, ws.out.net)
	}
	ws.out.closeNow()
	ws.release()
}

// explainClose returns the close frame that the client is to get because of err, nil for
// none, and the reason that the session closes for. A session that has closed before keeps
// its reason.
func (ws *webSocket) explainClose(err error) (frame []byte, reason string) {
	if errors.Is(err, frames.ErrTooLarge) {
		ws.out.session.server.stats.tooLarge.Add(1)
	}
	if errors.Is(err, errSlow) || errors.Is(err, errMemory) {
		return frames.CloseFrame(frames.PolicyViolation), ReasonTransportError
	}
	if errors.Is(err, frames.ErrLost) {
		return nil, ReasonTransportClose
	}
	if e, ok := errors.AsType[*frames.CloseError](err); ok {
		if ws.out.noteClientClose() {
			return nil, ReasonTransportClose
		}
		return frames.CloseFrame(e.Status), ReasonTransportClose
	}
	if e, ok := errors.AsType[*frames.Error](err); ok {
		return e.CloseFrame, ReasonTransportError
	}
	switch {
	case errors.Is(err, errHeartbeat), errors.Is(err, errProbe):
		reason = ReasonTransportError
	case errors.Is(err, errClosePacket):
		reason = ReasonTransportClose
	default: // the packet cannot be parsed, or the receiver refuses it
		reason = ReasonParseError
	}
	return frames.CloseFrame(0), reason
}
