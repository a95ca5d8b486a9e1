package engine

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	octetStream = "application/octet-stream"
	// keptBody is the capacity of a buffer that is worth keeping.
	keptBody = 64 << 10
	// bodyPatience is how long a connection is kept open, after the answer, for a body
	// that nobody reads.
	bodyPatience = 5 * time.Second
)

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func keepBody(b *bytes.Buffer) {
	if b.Cap() <= keptBody {
		b.Reset()
		bodies.Put(b)
	}
}

// serveUpload takes the packets of a POST.
func (x *exchange) serveUpload(s *Session) {
	kind := x.R.Header.Get("Content-Type")
	if kind == octetStream && s.handshake.Version == eio.V4 {
		s.end(ReasonTransportError, ending{})
		x.refuseBody(http.StatusBadRequest)
		return
	}
	up := x.newUpload()
	switch s.beginUpload(up) {
	case uploadOverlaps:
		s.end(ReasonTransportError, ending{})
		fallthrough
	case uploadRefused:
		x.refuseBody(http.StatusBadRequest)
		return
	case uploadIgnored:
		x.skipBody()
		answer(x.W, http.StatusOK, "text/html", "ok")
		return
	}
	// The client may post again as soon as it reads the answer.
	switch status := x.receive(s, up, kind); status {
	case http.StatusOK:
		answer(x.W, status, "text/html", "ok")
	case http.StatusRequestEntityTooLarge:
		x.skipBody()
		answer(x.W, status, "", "")
	default:
		x.refuseBody(status)
	}
}

// receive takes the packets of an upload that has begun, ends it, and returns the
// status of the answer.
func (x *exchange) receive(s *Session, up *transfer, kind string) (status int) {
	defer s.endUpload(up)
	buf := bodies.Get().(*bytes.Buffer)
	defer keepBody(buf)
	if status = x.readBody(s, up, buf); status == http.StatusOK && !s.takeUpload(buf.Bytes(), kind) {
		status = http.StatusBadRequest
	}
	return status
}

// refuseBody answers without the body, and closes the connection at once.
func (x *exchange) refuseBody(status int) {
	x.skipBody()
	_ = http.NewResponseController(x.W).SetReadDeadline(past)
	answer(x.W, status, "", "")
}

// skipBody lets the server answer a request at once whose body nobody reads. Over
// HTTP/1, net/http would read it first, unless the connection is closed afterwards. It
// then reads for bodyPatience at most, so that the client gets the answer before the
// connection is reset under it.
func (x *exchange) skipBody() {
	if x.R.ContentLength == 0 || x.R.ProtoMajor != 1 {
		return
	}
	x.W.Header().Set("Connection", "close")
	_ = http.NewResponseController(x.W).SetReadDeadline(time.Now().Add(bodyPatience))
}

type uploadVerdict uint8

const (
	uploadTaken    uploadVerdict = iota
	uploadOverlaps               // another one is under way
	uploadRefused                // the session is over or upgraded
	uploadIgnored                // the session has said good-bye, and its client does not know yet
)

func (s *Session) beginUpload(up *transfer) uploadVerdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosing:
		return uploadIgnored
	case s.state == stateClosed, s.conn != nil:
		return uploadRefused
	case s.upload != nil:
		return uploadOverlaps
	}
	s.upload = up
	return uploadTaken
}

func (s *Session) endUpload(up *transfer) {
	s.mu.Lock()
	s.upload = nil
	s.mu.Unlock()
	up.complete()
}

// readBody reads the body into buf and returns the status that follows.
func (x *exchange) readBody(s *Session, up *transfer, buf *bytes.Buffer) int {
	limit := x.config.MaxPayload
	if x.R.ContentLength > limit {
		s.server.stats.tooLarge.Add(1)
		return http.StatusRequestEntityTooLarge
	}
	_, err := buf.ReadFrom(io.LimitReader(alive{x.R.Body, s}, limit+1))
	up.complete()
	switch {
	case err != nil:
		s.end(ReasonTransportError, ending{})
		return http.StatusBadRequest
	case int64(buf.Len()) > limit:
		s.server.stats.tooLarge.Add(1)
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusOK
}

// alive notes that a client is heard.
type alive struct {
	io.Reader
	s *Session
}

func (a alive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.s.heard.Store(a.s.server.now())
	}
	return n, err
}

// takeUpload takes the packets of a body, and reports whether they were packets.
func (s *Session) takeUpload(body []byte, kind string) (ok bool) {
	if s.isJSONP {
		var given bool
		if body, given = formData(body); !given {
			return true // as the reference does
		}
	}
	quiet := spawn.Call(s.server.options.Log(), "receive", func() { ok = s.takePackets(body, kind == octetStream) }, nil)
	if !quiet {
		s.end(ReasonForced, ending{})
	}
	return ok
}

func (s *Session) takePackets(body []byte, binary bool) bool {
	for p, err := range eio.Packets(body, binary, s.handshake.Version) {
		if err == nil {
			s.server.stats.packetsIn.Add(1)
			s.server.stats.bytesIn.Add(uint64(len(p.Data) + 1))
			err = s.take(p)
		}
		switch err {
		case nil:
		case errOver:
			return true
		case errClosePacket:
			// Its poll must end without a close packet, which it would take for an error.
			s.end(ReasonTransportClose, ending{noop: true})
			s.awaitPoll()
			return true
		case errHeartbeat:
			s.end(ReasonTransportError, ending{})
			return true
		default:
			s.end(ReasonParseError, ending{})
			return false
		}
	}
	return true
}
