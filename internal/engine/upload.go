package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	octetStream = "application/octet-stream"
	// keptBody is the capacity of a body's buffer that is worth keeping, in bytes.
	keptBody = 64 << 10
	// skippedBodyTime is how long a connection is kept open, after the response, for a
	// request body that is not read.
	skippedBodyTime = 5 * time.Second
)

var bodyBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func keepBodyBuffer(b *bytes.Buffer) {
	if b.Cap() <= keptBody {
		b.Reset()
		bodyBuffers.Put(b)
	}
}

// serveUpload handles the packets of a POST and responds to it.
func (x *exchange) serveUpload(s *Session) {
	contentType := x.R.Header.Get("Content-Type")
	if contentType == octetStream && s.handshake.Version == eio.V4 {
		s.closeWith(ReasonTransportError, closeMode{cause: "POST request with a binary body"})
		x.refuseBody(http.StatusBadRequest)
		return
	}
	up := x.newUpload()
	switch s.beginUpload(up) {
	case uploadOverlaps:
		s.closeWith(ReasonTransportError, closeMode{cause: "two POST requests at a time"})
		fallthrough
	case uploadRefused:
		x.refuseBody(http.StatusBadRequest)
		return
	case uploadIgnored:
		x.skipBody()
		writeResponse(x.W, http.StatusOK, "text/html", "ok")
		return
	}
	// The upload ends before the response: the client may post again as soon as it reads it.
	switch status := x.receiveUpload(s, up, contentType); status {
	case http.StatusOK:
		writeResponse(x.W, status, "text/html", "ok")
	case http.StatusRequestEntityTooLarge:
		x.skipBody()
		writeResponse(x.W, status, "", "")
	default:
		x.refuseBody(status)
	}
}

// receiveUpload handles the packets of an upload that has begun, ends it, and returns
// the status of the response. It returns late if the session exceeds a limit of rates.
func (x *exchange) receiveUpload(s *Session, up *transfer, contentType string) (status int) {
	defer s.endUpload(up)
	defer s.awaitRates(x.Done) // holds no buffer
	s.awaitReading()
	buf := bodyBuffers.Get().(*bytes.Buffer)
	defer keepBodyBuffer(buf)
	reader := &bodyReader{body: x.R.Body, session: s, buffer: buf}
	defer reader.release()
	if status = x.readBody(s, up, reader); status == http.StatusOK && !s.handleBody(buf.Bytes(), contentType) {
		status = http.StatusBadRequest
	}
	return status
}

// refuseBody responds without reading the body, and closes the connection at once.
func (x *exchange) refuseBody(status int) {
	x.skipBody()
	_ = http.NewResponseController(x.W).SetReadDeadline(pastDeadline)
	writeResponse(x.W, status, "", "")
}

// skipBody lets the HTTP server respond at once to a request whose body is not read. Over
// HTTP/1, net/http would read the body first, unless the connection is closed afterwards.
// It then reads for skippedBodyTime at most, so that the client gets the response before
// the connection is reset under it.
func (x *exchange) skipBody() {
	if x.R.ContentLength == 0 || x.R.ProtoMajor != 1 {
		return
	}
	x.W.Header().Set("Connection", "close")
	_ = http.NewResponseController(x.W).SetReadDeadline(time.Now().Add(skippedBodyTime))
}

// uploadStart is the result of Session.beginUpload.
type uploadStart uint8

const (
	uploadBegun    uploadStart = iota
	uploadOverlaps             // another upload is under way
	uploadRefused              // the session is closed or upgraded
	uploadIgnored              // the session is closing, and its client has not read so yet
)

func (s *Session) beginUpload(up *transfer) uploadStart {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosing:
		return uploadIgnored
	case s.state == stateClosed, s.out != nil:
		return uploadRefused
	case s.polls.upload != nil:
		return uploadOverlaps
	}
	s.polls.upload = up
	return uploadBegun
}

func (s *Session) endUpload(up *transfer) {
	s.mu.Lock()
	s.polls.upload = nil
	s.mu.Unlock()
	up.complete()
}

// readBody reads the body into buf and returns the status for the response.
func (x *exchange) readBody(s *Session, up *transfer, reader *bodyReader) int {
	buf, limit := reader.buffer, x.config.MaxPayload
	if x.R.ContentLength > limit {
		s.server.stats.tooLarge.Add(1)
		return http.StatusRequestEntityTooLarge
	}
	_, err := buf.ReadFrom(io.LimitReader(reader, limit+1))
	up.complete()
	switch {
	case errors.Is(err, errSlow):
		s.closeWith(ReasonTransportError, closeMode{cause: "POST request: " + errSlow.Error()})
		return http.StatusRequestTimeout
	case errors.Is(err, errMemory):
		s.closeWith(ReasonTransportError, closeMode{cause: "POST request: " + err.Error()})
		return http.StatusRequestEntityTooLarge
	case err != nil:
		s.closeWith(ReasonTransportError, closeMode{cause: "POST request was not received to its end"})
		return http.StatusBadRequest
	case int64(buf.Len()) > limit:
		s.server.stats.tooLarge.Add(1)
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusOK
}

// bodyReader reads a request's body, notes that the client is alive, and charges the session
// for the buffer.
type bodyReader struct {
	body     io.Reader
	session  *Session
	buffer   *bytes.Buffer // that the body is read into
	reserved int           // bytes of the buffer that were charged
	pace     pace
}

// release releases the bytes of the buffer.
func (r *bodyReader) release() { r.session.account.Release(budget.Reading, r.reserved) }

// Read reads from the body. errSlow means that it arrives too slowly, errMemory that the
// session exceeds its memory.
func (r *bodyReader) Read(p []byte) (int, error) {
	if grown := r.buffer.Cap() - r.reserved; grown > chargeFrom {
		if err := r.session.reserve(grown); err != nil {
			return 0, err
		}
		r.reserved += grown
	}
	before := r.session.server.now()
	n, err := r.body.Read(p)
	if n > 0 && !r.session.notePart(&r.pace, n, before) {
		return n, errSlow
	}
	return n, err
}

// handleBody handles the packets of a body. It reports false if the body cannot be
// parsed, or the receiver panicked.
func (s *Session) handleBody(body []byte, contentType string) (ok bool) {
	if s.format.jsonpIndex != nil {
		var given bool
		if body, given = parseForm(body); !given {
			return true // as the reference server does
		}
	}
	returned := spawn.Call(s.server.options.Log(), "receive", func() {
		ok = s.handlePackets(body, contentType == octetStream)
	}, nil)
	if !returned {
		s.closeWith(ReasonForced, closeMode{cause: causePanic})
	}
	return ok
}

// handlePackets handles the packets of a payload, until one closes the session.
// It reports false if a packet cannot be parsed, or the receiver refuses it.
func (s *Session) handlePackets(body []byte, binary bool) bool {
	for p, err := range eio.Packets(body, binary, s.handshake.Version) {
		if err == nil {
			s.server.stats.packetsIn.Add(1)
			s.server.stats.bytesIn.Add(uint64(len(p.Data) + 1))
			err = s.handlePacket(p)
		}
		switch err {
		case nil:
		case errClosed:
			return true
		case errClosePacket:
			// The client's poll must end without a close packet, which the client
			// would take for an error.
			s.closeWith(ReasonTransportClose, closeMode{noop: true})
			s.awaitLastPoll()
			return true
		case errHeartbeat:
			s.closeWith(ReasonTransportError, closeMode{cause: describeCause(err)})
			return true
		default:
			s.closeWith(ReasonParseError, closeMode{cause: describeCause(err)})
			return false
		}
	}
	return true
}
