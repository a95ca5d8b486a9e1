package engine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// compressFrom is the size of the smallest answer that is worth compressing.
const compressFrom = 1024

// maxPollPackets is how many packets one answer to a poll has. Clients of Python refuse
// a payload with more; the rest comes with the next poll.
const maxPollPackets = 16

// changeOver is how long a poll that comes during an upgrade is held back: the packet
// that completes the upgrade may have been sent before it and come after it.
const changeOver = 10 * time.Millisecond

// poll is a GET that waits for something to come.
type poll struct {
	woken chan struct{} // has one slot; never closed
	late  bool          // it came during an upgrade; static once parked
}

func (p *poll) wake() {
	select {
	case p.woken <- struct{}{}:
	default: // it is awake
	}
}

// openPolling answers a handshake with the open packet and what else is queued.
func (x *exchange) openPolling() {
	s, refused := x.create()
	if refused != nil {
		x.refuse(refused)
		return
	}
	if name := x.config.Cookie; name != "" {
		x.W.Header().Add("Set-Cookie", name+"="+s.id+"; Path=/; HttpOnly; SameSite=Lax")
	}
	x.skipBody()
	s.mu.Lock()
	a := s.beginAnswerLocked(x, s.takePayloadLocked())
	s.mu.Unlock()
	s.answerPoll(x, a)
}

func (x *exchange) servePolling(s *Session) {
	switch x.R.Method {
	case http.MethodGet:
		x.servePoll(s)
	case http.MethodPost:
		x.serveUpload(s)
	default:
		x.skipBody()
		x.W.Header().Set("Allow", "GET, POST")
		answer(x.W, http.StatusMethodNotAllowed, "", "")
	}
}

// servePoll answers a GET when there is something to say.
func (x *exchange) servePoll(s *Session) {
	x.skipBody()
	p := &poll{woken: make(chan struct{}, 1)}
	refused, overlap := s.park(p)
	switch {
	case refused != nil:
		x.refuse(refused)
		return
	case overlap:
		// With two GETs nobody could tell the order.
		s.end(ReasonTransportError, ending{})
		answer(x.W, http.StatusBadRequest, "", "")
		return
	}
	var pause <-chan time.Time
	if p.late {
		pause = time.After(changeOver)
	}
	select {
	case <-p.woken:
	case <-pause:
	case <-x.Done:
	case <-x.R.Context().Done():
		s.abandon()
		return
	}
	if !x.server.hold.await(x.R.Context().Done()) {
		s.abandon()
		return
	}
	a, over := s.unpark(x)
	if a == nil {
		x.refuse(errRequest)
		return
	}
	s.answerPoll(x, a)
	if over {
		s.finish()
	}
}

// park puts a GET where it is found when something comes, unless another is there.
func (s *Session) park(p *poll) (refused *refusal, overlap bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed:
		return errSession, false
	case s.conn != nil:
		return errRequest, false
	case s.parked != nil:
		return nil, true
	}
	s.parked, p.late = p, s.release
	s.clock.idle = 0
	if len(s.queue) > 0 || s.state == stateClosing {
		p.wake()
	}
	return nil, false
}

// abandon ends the session of a GET whose client has hung up. After an upgrade
// nothing was to come by it.
func (s *Session) abandon() {
	s.mu.Lock()
	s.parked = nil
	upgraded := s.conn != nil
	s.mu.Unlock()
	if !upgraded {
		s.end(ReasonTransportError, ending{})
	}
}

// unpark takes the GET away and begins its answer: what is queued, up
// to [maxPollPackets]; or else, when the session is over, that it is; or a noop. Nil is for a
// GET that should not have come after an upgrade. It reports whether this was the
// last answer that a closing session waited for.
//
// The close packet comes alone: clients handle messages a little later than they
// are told of the end, and would lose them.
func (s *Session) unpark(x *exchange) (a *answering, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms, over := s.unparkLocked()
	if ms == nil {
		return nil, false
	}
	return s.beginAnswerLocked(x, ms), over
}

func (s *Session) unparkLocked() (ms []*eio.Message, over bool) {
	p := s.parked
	s.parked = nil
	if s.state == stateOpen && s.conn == nil {
		s.clock.idle = s.server.now() + s.idleTime()
		s.armLocked()
	}
	if s.conn != nil {
		if p.late {
			return nil, false
		}
		return []*eio.Message{noop}, false
	}
	if ms = s.takePayloadLocked(); len(ms) > 0 {
		return ms, false
	}
	if s.state == stateOpen || s.noop {
		return []*eio.Message{noop}, s.state == stateClosing
	}
	return []*eio.Message{last}, s.state == stateClosing
}

// takePayloadLocked takes the messages of one answer out of the queue: up to
// maxPollPackets packets, but at least one message, whose attachments stay with it.
func (s *Session) takePayloadLocked() []*eio.Message {
	n, packets := 0, 0
	for ; n < len(s.queue); n++ {
		m := s.queue[n]
		if packets += m.Packets(); n > 0 && packets > maxPollPackets {
			break
		}
		s.bytes -= m.Size() + perMessage
	}
	if n == len(s.queue) {
		ms := s.queue
		s.queue = nil
		return ms
	}
	ms := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	return ms
}

// answerPoll writes messages as the answer to a GET. A client that does not take its
// answer loses the session: the messages are gone.
func (s *Session) answerPoll(x *exchange, a *answering) {
	defer s.endAnswer(a)
	ms := a.messages
	enc, kind := s.pollEncoding(ms)
	buf := messages.Get().(*[]byte)
	defer keepMessage(buf)
	body := eio.AppendPayload((*buf)[:0], enc, ms)
	*buf = body
	s.countOut(ms, len(body))
	if s.isJSONP {
		body, kind = script(s.jsonp, body), "text/javascript; charset=UTF-8"
	}
	h := x.W.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	if x.config.Compression && len(body) >= compressFrom && hasToken(x.R.Header, "Accept-Encoding", "gzip") &&
		slices.ContainsFunc(ms, (*eio.Message).Compress) {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		body = zipped(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.W.WriteHeader(http.StatusOK)
	if !x.write(a.transfer, body) {
		s.end(ReasonTransportError, ending{})
	}
}

// write writes the body of a response to its end, within writePatience for each chunk,
// and reports whether it did. Nothing of it is left for after the handler's return, when
// the session's end could not end it.
func (x *exchange) write(t *transfer, body []byte) bool {
	control := http.NewResponseController(x.W)
	for len(body) > 0 {
		part := body[:min(chunk, len(body))]
		if !t.extend(control, time.Now().Add(writePatience)) {
			return false
		}
		if _, err := x.W.Write(part); err != nil {
			return false
		}
		body = body[len(part):]
	}
	err := control.Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// pollEncoding chooses how messages are written, and the content type of that.
func (s *Session) pollEncoding(ms []*eio.Message) (eio.Encoding, string) {
	const text = "text/plain; charset=UTF-8"
	switch {
	case s.handshake.Version == eio.V4:
		return eio.Polling4, text
	case s.base64 || !eio.HasBinary(ms):
		return eio.Polling3, text
	}
	return eio.Polling3Binary, octetStream
}

func (s *Session) countOut(ms []*eio.Message, size int) {
	packets := 0
	for _, m := range ms {
		packets += m.Packets()
	}
	s.server.stats.packetsOut.Add(uint64(packets))
	s.server.stats.bytesOut.Add(uint64(size))
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

func zipped(body []byte) []byte {
	var out bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	z.Reset(&out)
	_, _ = z.Write(body) // into memory
	_ = z.Close()
	zippers.Put(z)
	return out.Bytes()
}
