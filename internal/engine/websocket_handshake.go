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

// openWebSocket makes a session and the WebSocket that carries it.
func (x *exchange) openWebSocket() {
	s, refused := x.openSession()
	if refused != nil {
		x.refuse(refused)
		return
	}
	ws, err := x.acceptWebSocket(s)
	if err != nil {
		s.closeWith(ReasonTransportError, closeMode{})
		return
	}
	ws.role = roleSession
	s.attachWebSocket(&ws.out)
	x.startReading(ws)
}

// attachWebSocket lets a WebSocket carry a session that began as one, from the first message on.
func (s *Session) attachWebSocket(o *outbound) {
	s.mu.Lock()
	s.out = o
	closed := s.state != stateOpen
	if !closed {
		s.server.stats.polling.Add(-1)
		s.server.stats.webSocket.Add(1)
	}
	start := !closed && o.beginWritingLocked()
	s.mu.Unlock()
	switch {
	case closed: // its last packets are in the queue
		o.closeGracefully(frames.CloseFrame(0))
	case start:
		o.startWriting()
	}
}

// startReading reads until the WebSocket closes: on the handler's goroutine with
// [Request.Hold], or else on others, which keep nothing of the request.
func (x *exchange) startReading(ws *webSocket) {
	x.server.countWebSockets(1)
	ws.out.session.account.Retain()
	if !x.Hold {
		ws.startReader()
		return
	}
	spawn.Call(x.server.options.Log(), "websocket reader", ws.readUntilIdle, ws.closeAfterPanic)
	ws.out.awaitWritingEnd()
}

// acceptWebSocket responds to the handshake with status 101 and takes the connection
// over. With an error, it has responded or closed the connection.
func (x *exchange) acceptWebSocket(s *Session) (*webSocket, error) {
	header, compress := x.switchingHeader()
	hijack := x.Hijack
	if hijack == nil {
		hijack = x.hijackWriter
	}
	nc, brw, err := hijack(header)
	if err != nil {
		return nil, err
	}
	ws := newWebSocket(s, nc)
	ws.early, ws.compressed = readBuffered(brw), compress
	ws.out.encoding = webSocketEncoding(x.version, x.query.base64 != "", compress)
	if x.Hold {
		ws.out.raw = nil // the handler's goroutine must read to the end, whatever nc is
	} else {
		_ = nc.SetDeadline(time.Time{}) // the HTTP server's deadlines do not concern a WebSocket
		ws.idleness.possible = ws.prepareWatch()
	}
	return ws, nil
}

// switchingHeader returns the header of the 101, and whether it agrees to compression.
func (x *exchange) switchingHeader() (header http.Header, compress bool) {
	sum := sha1.Sum([]byte(x.R.Header.Get("Sec-Websocket-Key") + acceptGUID)) //nolint:gosec // see above
	header = http.Header{
		"Upgrade":              {"websocket"},
		"Connection":           {"Upgrade"},
		"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
	}
	if offered, _, _ := strings.Cut(x.R.Header.Get("Sec-Websocket-Protocol"), ","); offered != "" {
		header["Sec-Websocket-Protocol"] = []string{strings.TrimSpace(offered)}
	}
	if x.config.Compression {
		var extension string
		if extension, compress = acceptDeflate(x.R.Header); compress {
			header["Sec-Websocket-Extensions"] = []string{extension}
		}
	}
	return header, compress
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

// hijackWriter takes the connection of the response writer over, and writes the 101
// with the given header to it.
func (x *exchange) hijackWriter(header http.Header) (net.Conn, *bufio.ReadWriter, error) {
	for name, values := range x.W.Header() { // CORS, and fields that the caller has set
		if header[name] == nil {
			header[name] = values
		}
	}
	nc, brw, err := http.NewResponseController(x.W).Hijack()
	if err != nil {
		x.refuse(refusedRequest)
		return nil, nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(webSocketGrace))
	_, _ = brw.WriteString("HTTP/1.1 101 Switching Protocols\r\n") // Flush returns the errors
	_ = header.Write(brw)
	_, _ = brw.WriteString("\r\n")
	if err := brw.Flush(); err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	return nc, brw, nil
}

// readBuffered returns the bytes that the client sent without waiting for the 101, nil if
// there are none.
func readBuffered(brw *bufio.ReadWriter) *bytes.Reader {
	if brw == nil || brw.Reader.Buffered() == 0 {
		return nil
	}
	early := make([]byte, brw.Reader.Buffered())
	n, _ := brw.Read(early) // from its buffer
	return bytes.NewReader(early[:n])
}
