package engine

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // what RFC 6455 prescribes
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/gorilla/websocket"
)

const (
	// readBuffer holds the heads of frames and small messages; larger ones go
	// through buffers that idle connections share.
	readBuffer = 512
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3
)

// checkHandshake refuses what gorilla would: it must have nothing to refuse when the
// connection is taken over.
func (x *exchange) checkHandshake() *refusal {
	h := x.R.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-Websocket-Key"))
	switch {
	case x.R.Method != http.MethodGet:
		return &refusal{errMethod.code, http.StatusMethodNotAllowed, "Method Not Allowed"}
	case err != nil || len(key) != 16:
		return &refusal{errRequest.code, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Key header"}
	case !hasToken(h, "Sec-Websocket-Version", "13"):
		x.W.Header().Set("Sec-WebSocket-Version", "13")
		return &refusal{errRequest.code, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Version header"}
	case x.R.ContentLength != 0:
		return errRequest // the body would be taken for frames
	}
	return nil
}

// openWebSocket makes a session and the connection that carries it.
func (x *exchange) openWebSocket() {
	s, refused := x.create()
	if refused != nil {
		x.refuse(refused)
		return
	}
	c, err := x.connect(s)
	if err != nil {
		s.end(ReasonTransportError, ending{})
		return
	}
	c.role = roleSession
	s.attach(c)
	x.run(c)
}

// attach lets a connection carry its session, from the first message on.
func (s *Session) attach(c *conn) {
	s.mu.Lock()
	s.conn = c
	over := s.state != stateOpen
	if !over {
		s.server.stats.polling.Add(-1)
		s.server.stats.webSocket.Add(1)
	}
	start := !over && c.beginLocked()
	s.mu.Unlock()
	switch {
	case over: // its last words are in the queue
		c.hangUp(closeFrame(0))
	case start:
		c.start()
	}
}

// run reads until the connection ends: on the handler's goroutine if it is to be
// held, or on others, which keep nothing of the request.
func (x *exchange) run(c *conn) {
	x.server.countConn(1)
	if !x.Hold {
		c.readOn()
		return
	}
	spawn.Call(x.server.options.Log(), "websocket reader", c.read, c.readerBroke)
	c.join()
}

// connect answers the handshake and takes the connection over.
func (x *exchange) connect(s *Session) (*conn, error) {
	header, compress := x.answerHeader()
	hijack := x.Hijack
	if hijack == nil {
		hijack = x.hijack
	}
	nc, brw, err := hijack(header)
	if err != nil {
		return nil, err
	}
	c := newConn(s, nc, buffered(brw))
	if x.Hold {
		c.raw = nil // all is read on the handler's goroutine, whatever nc is
	} else {
		_ = nc.SetDeadline(time.Time{}) // those of the server are not for us
	}
	if compress {
		c.heads = new(headGuard)
	}
	c.encoding = webSocketEncoding(x.version, x.param("b64") != "", compress)
	c.budget = fragmentAllowance
	if c.ws, err = adopt(c, x.W, compress); err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.ws.SetReadLimit(x.config.MaxPayload)
	c.ws.SetPingHandler(c.ping)
	c.ws.SetPongHandler(func(string) error { return nil })
	c.ws.SetCloseHandler(func(int, string) error { return nil })
	return c, nil
}

// answerHeader is the header of the 101, and whether it agrees to compression.
func (x *exchange) answerHeader() (header http.Header, compress bool) {
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
		var answer string
		if answer, compress = acceptDeflate(x.R.Header); compress {
			header["Sec-Websocket-Extensions"] = []string{answer}
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

// hijack takes the connection of the writer and answers on it.
func (x *exchange) hijack(header http.Header) (net.Conn, *bufio.ReadWriter, error) {
	for name, values := range x.W.Header() { // CORS, and what the caller has set
		if header[name] == nil {
			header[name] = values
		}
	}
	nc, brw, err := http.NewResponseController(x.W).Hijack()
	if err != nil {
		x.refuse(errRequest)
		return nil, nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(webSocketGrace))
	_, _ = brw.WriteString("HTTP/1.1 101 Switching Protocols\r\n") // Flush tells of errors
	_ = header.Write(brw)
	_, _ = brw.WriteString("\r\n")
	if err := brw.Flush(); err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	return nc, brw, nil
}

// buffered is what the client has sent without waiting for the answer.
func buffered(brw *bufio.ReadWriter) []byte {
	if brw == nil || brw.Reader.Buffered() == 0 {
		return nil
	}
	early := make([]byte, brw.Reader.Buffered())
	n, _ := brw.Read(early) // from its buffer
	return early[:n]
}

var writeBuffers sync.Pool // gorilla's own; it writes nothing that needs one

// adopt makes a gorilla connection of one whose handshake is answered.
func adopt(c *conn, w http.ResponseWriter, compress bool) (*websocket.Conn, error) {
	u := websocket.Upgrader{
		// Without a size of its own it reads through the buffer of the hijacker.
		ReadBufferSize: 0, WriteBufferSize: 1, WriteBufferPool: &writeBuffers, EnableCompression: compress,
		CheckOrigin: func(*http.Request) bool { return true }, // that is done
	}
	return u.Upgrade(taken{w, c}, upgradeRequest, nil)
}

// upgradeRequest is what gorilla is shown instead of requests. It reads the header
// only, the last line of it when it is to compress.
var upgradeRequest = &http.Request{Method: http.MethodGet, Header: http.Header{
	"Connection":               {"Upgrade"},
	"Upgrade":                  {"websocket"},
	"Sec-Websocket-Version":    {"13"},
	"Sec-Websocket-Key":        {"AAAAAAAAAAAAAAAAAAAAAA=="}, // its answer goes nowhere
	"Sec-Websocket-Extensions": {deflate},
}}

// taken is a response whose connection has been taken over.
type taken struct {
	http.ResponseWriter
	conn *conn
}

func (t taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc := tap{t.conn}
	t.conn.buffer = bufio.NewReaderSize(nc, readBuffer)
	return nc, bufio.NewReadWriter(t.conn.buffer, bufio.NewWriterSize(nc, 16)), nil
}
