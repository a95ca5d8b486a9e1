package engine

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 prescribes it
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3

// checkWebSocket refuses a WebSocket handshake that is incomplete.
func (x *exchange) checkWebSocket() *refusal {
	h := x.R.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-Websocket-Key"))
	switch {
	case x.R.Method != http.MethodGet:
		return &refusal{refusedMethod.code, http.StatusMethodNotAllowed, "Method Not Allowed"}
	case err != nil || len(key) != 16:
		return &refusal{refusedRequest.code, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Key header"}
	case !hasToken(h, "Sec-Websocket-Version", "13"):
		x.W.Header().Set("Sec-WebSocket-Version", "13")
		return &refusal{refusedRequest.code, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Version header"}
	case x.R.ContentLength != 0:
		return refusedRequest // the body would be taken for frames
	}
	return nil
}

// openWebSocket makes a session and the WebSocket that carries it. Without [Request.Hold], the
// goroutine that will read does it: the stack of the HTTP handler is nearly full here, and
// growing it would cost a twentieth of a connect.
func (x *exchange) openWebSocket() {
	o := &opening{exchange: x}
	if x.Hold {
		if o.open(); o.ws != nil {
			x.readAndHold(o.ws)
		}
		return
	}
	o.done = make(chan struct{})
	spawn.Go(x.server.options.Log(), "websocket reader", o.openAndRead, o.closeAfterPanic)
	if <-o.done; o.panicked {
		panic(http.ErrAbortHandler) // it closes the connection
	}
}

// opening is a WebSocket that is being opened.
type opening struct {
	exchange *exchange  // nil when it is open
	ws       *webSocket // nil before it is open, and when it was refused
	panicked bool
	done     chan struct{} // closed when the HTTP handler may return
}

// open makes the session and the WebSocket, or refuses them.
func (o *opening) open() {
	x := o.exchange
	s, refused := x.openSession()
	if refused != nil {
		x.refuse(refused)
		return
	}
	ws, response, err := x.takeConnection(s)
	if err == nil {
		ws.role = roleSession
		err = s.attachWebSocket(&ws.out, response)
	}
	if err != nil {
		s.closeWith(ReasonTransportError, closeMode{})
		return
	}
	ws.beginReading()
	o.ws = ws
}

// openAndRead opens the WebSocket, lets the HTTP handler return, and reads. It keeps nothing of
// the request while it reads.
func (o *opening) openAndRead() {
	spawn.GrowStack[spawn.Stack4K]() // for the handlers of the first packets
	o.open()
	o.exchange = nil
	close(o.done)
	if o.ws != nil {
		o.ws.readUntilIdle()
	}
}

// closeAfterPanic closes the connection after a panic.
func (o *opening) closeAfterPanic() {
	if o.exchange != nil {
		o.panicked = true
		close(o.done)
	} else {
		o.ws.closeAfterPanic()
	}
}

// attachWebSocket lets a WebSocket carry a session that began as one, and writes the response
// to the handshake. The error says that the client is gone.
func (s *Session) attachWebSocket(o *outbound, response *bufio.Writer) error {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	s.mu.Lock()
	s.out = o
	open := s.state == stateOpen
	if open {
		s.server.stats.polling.Add(-1)
		s.server.stats.webSocket.Add(1)
		o.writing = true
		b.takeLocked(o)
	}
	s.mu.Unlock()
	if open {
		return o.writeFirst(response, b)
	}
	err := o.writeResponse(response)
	if err == nil {
		o.closeGracefully(frames.CloseFrame(0)) // its last packets are in the queue
	}
	return err
}

// writeFirst writes the response to the handshake together with the batch of the first packets:
// one write is enough for the open packet. More than the buffer of the response has room for,
// and further packets, are left to the flusher, so that the HTTP handler does not wait. The
// caller has begun writing.
func (o *outbound) writeFirst(response *bufio.Writer, b *batch) error {
	defer func() { // after an error too: the batch is shared
		b.addToStats(o.session.server)
		b.dropMessages()
	}()
	data := b.joinFrames(o.encoding)
	fits := len(data) <= response.Available()
	if fits {
		_, _ = response.Write(data) // writeResponse returns the error
	}
	if err := o.writeResponse(response); err != nil {
		return err
	}
	switch {
	case fits && b.last:
		o.finishWriting()
	case fits && !b.takeFrom(o):
	default:
		if fits {
			data = b.joinFrames(o.encoding)
		}
		o.keepRest(b, data)
		o.startFlusher()
	}
	return nil
}

// writeResponse writes the buffered response to the handshake, and lifts its deadline. With an
// error, it has closed the connection.
func (o *outbound) writeResponse(response *bufio.Writer) error {
	if err := response.Flush(); err != nil {
		o.failWriting()
		return err
	}
	_ = o.net.SetWriteDeadline(time.Time{})
	return nil
}

// startReading reads until the WebSocket closes: on the handler's goroutine with
// [Request.Hold], or else on others, which keep nothing of the request.
func (x *exchange) startReading(ws *webSocket) {
	ws.beginReading()
	if x.Hold {
		x.readAndHold(ws)
	} else {
		ws.startReader()
	}
}

// beginReading counts a WebSocket until its reader releases it.
func (ws *webSocket) beginReading() {
	ws.out.session.server.countWebSockets(1)
	ws.out.session.account.Retain()
}

// readAndHold reads and writes until the WebSocket has closed.
func (x *exchange) readAndHold(ws *webSocket) {
	spawn.Call(x.server.options.Log(), "websocket reader", ws.readUntilIdle, ws.closeAfterPanic)
	ws.out.awaitWritingEnd()
}

// acceptWebSocket responds to the handshake with status 101 and takes the connection
// over. With an error, it has responded or closed the connection.
func (x *exchange) acceptWebSocket(s *Session) (*webSocket, error) {
	ws, response, err := x.takeConnection(s)
	if err != nil {
		return nil, err
	}
	return ws, ws.out.writeResponse(response)
}

// takeConnection takes the connection of the handshake over. The response with status 101 is in
// the returned writer, which the caller flushes. With an error, it has responded or closed the
// connection.
func (x *exchange) takeConnection(s *Session) (*webSocket, *bufio.Writer, error) {
	compress := x.setSwitchingHeader()
	hijack := x.Hijack
	if hijack == nil {
		hijack = x.hijackWriter
	}
	nc, brw, err := hijack()
	if err != nil {
		return nil, nil, err
	}
	ws := newWebSocket(s, nc)
	ws.early, ws.compressed = readBuffered(brw), compress
	ws.out.encoding = webSocketEncoding(x.version, x.query.base64 != "", compress)
	if x.Hold {
		ws.out.raw = nil // the handler's goroutine must read to the end, whatever nc is
	} else {
		_ = nc.SetReadDeadline(time.Time{}) // the HTTP server's deadline does not concern a WebSocket
		ws.idleness.possible = ws.prepareWatch()
	}
	return ws, brw.Writer, nil
}

// setSwitchingHeader sets the header of the 101, and reports whether it agrees to compression.
func (x *exchange) setSwitchingHeader() (compress bool) {
	h := x.W.Header()
	sum := sha1.Sum([]byte(x.R.Header.Get("Sec-Websocket-Key") + acceptGUID)) //nolint:gosec // see above
	x.setHeader(h, "Upgrade", "websocket")
	x.setHeader(h, "Connection", "Upgrade")
	x.setHeader(h, "Sec-Websocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	if offered, _, _ := strings.Cut(x.R.Header.Get("Sec-Websocket-Protocol"), ","); offered != "" {
		x.setHeader(h, "Sec-Websocket-Protocol", strings.TrimSpace(offered))
	}
	if x.config.Compression {
		var extension string
		if extension, compress = acceptDeflate(x.R.Header); compress {
			x.setHeader(h, "Sec-Websocket-Extensions", extension)
		}
	}
	return compress
}

func webSocketEncoding(v eio.Version, b64, compress bool) eio.Encoding {
	switch {
	case v == eio.V3 && b64:
		return eio.WebSocket3Base64
	case v == eio.V3 && compress:
		return eio.WebSocket3Deflate
	case v == eio.V3:
		return eio.WebSocket3
	case b64:
		return eio.WebSocket4Base64
	case compress:
		return eio.WebSocket4Deflate
	}
	return eio.WebSocket4
}

// hijackWriter takes the connection of the response writer over. The 101 is in the returned
// writer.
func (x *exchange) hijackWriter() (net.Conn, *bufio.ReadWriter, error) {
	header := x.W.Header()
	nc, brw, err := http.NewResponseController(x.W).Hijack()
	if err != nil {
		for _, name := range []string{"Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"} {
			header.Del(name)
		}
		x.refuse(refusedRequest)
		return nil, nil, err
	}
	_ = nc.SetWriteDeadline(time.Now().Add(webSocketGrace))
	WriteSwitching(brw.Writer, header)
	return nc, brw, nil
}

// WriteSwitching writes a response with status 101 and this header, for [Request.Hijack]. The
// errors are the ones of a flush.
func WriteSwitching(w *bufio.Writer, header http.Header) {
	_, _ = w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = header.Write(w)
	_, _ = w.WriteString("\r\n")
}

// readBuffered returns the bytes that the client sent without waiting for the 101, nil if
// there are none.
func readBuffered(brw *bufio.ReadWriter) *bytes.Reader {
	if brw.Reader.Buffered() == 0 {
		return nil
	}
	early := make([]byte, brw.Reader.Buffered())
	n, _ := brw.Read(early) // from its buffer
	return bytes.NewReader(early[:n])
}
