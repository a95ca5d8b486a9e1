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

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// compressFrom is the size of the smallest reply that is worth compressing, in bytes.
const compressFrom = 1024

// pollFormat is how a polling session exchanges payloads.
type pollFormat struct {
	jsonpIndex *string // the index of the JSONP callback, digits only; nil without JSONP
	base64     bool    // the client takes no binary payloads
}

// pollReply is the reply to a poll while it is written.
type pollReply struct {
	transfer
	messages []*eio.Message
	size     int  // of the messages, as they count in the queue
	held     bool // the messages are charged to the session's account
}

// beginReplyLocked notes that messages are about to be written as the reply to a poll.
// Until endReply they count towards the session's queue.
func (s *Session) beginReplyLocked(x *exchange, payload []*eio.Message) *pollReply {
	reply := &x.reply
	reply.messages, reply.stop = payload, x.writeAborter()
	if s.state == stateClosed {
		return reply // a close packet at most, which nothing has to abort
	}
	for _, m := range payload {
		reply.size += m.Size() + perMessage
	}
	s.polls.replies = append(s.polls.replies, reply)
	s.queue.bytes += reply.size
	if reply.held = reply.size > chargeFrom; reply.held {
		holdMessages(s.account, payload)
	}
	return reply
}

func (s *Session) endReply(reply *pollReply) {
	reply.complete()
	if reply.held {
		unholdMessages(s.account, reply.messages)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.reuse(reply.messages)
	if i := slices.Index(s.polls.replies, reply); i >= 0 {
		s.polls.replies = slices.Delete(s.polls.replies, i, i+1)
		s.queue.subtract(reply.size)
	}
}

// writeReply writes the reply to a GET. A client that does not take it loses its
// session: the messages are gone.
func (s *Session) writeReply(x *exchange, reply *pollReply) {
	defer s.endReply(reply)
	payload := reply.messages
	enc, contentType := s.replyEncoding(payload)
	buf := messageBuffers.Get().(*[]byte)
	defer keepMessageBuffer(buf)
	body := eio.AppendPayload((*buf)[:0], enc, payload)
	*buf = body
	s.server.stats.countReply(payload, len(body))
	if index := s.format.jsonpIndex; index != nil {
		body, contentType = jsonpScript(*index, body), "text/javascript; charset=UTF-8"
	}
	h := x.W.Header()
	x.setHeader(h, "Content-Type", contentType)
	x.setHeader(h, "Cache-Control", "no-store")
	if x.config.Compression && len(body) >= compressFrom && hasToken(x.R.Header, "Accept-Encoding", "gzip") &&
		slices.ContainsFunc(payload, (*eio.Message).Compress) {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		body = gzipBody(body)
	}
	x.setHeader(h, "Content-Length", strconv.Itoa(len(body)))
	if size := len(*buf); size > chargeFrom {
		s.account.Add(budget.Polls, size)
		defer s.account.Release(budget.Polls, size)
	}
	x.W.WriteHeader(http.StatusOK)
	if !x.writeBody(&reply.transfer, body) {
		s.closeWith(ReasonTransportError, closeMode{cause: "the reply to a poll was not received to its end"})
	}
}

// writeBody writes the body of a response to its end, within writeTimeout for each chunk,
// and reports whether it did. It flushes: bytes that are left for after the handler's
// return could not be aborted with the session.
func (x *exchange) writeBody(t *transfer, body []byte) bool {
	control := http.NewResponseController(x.W)
	for len(body) > 0 {
		part := body[:min(chunk, len(body))]
		if !t.extend(control, time.Now().Add(writeTimeout)) {
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

// replyEncoding returns how messages are encoded for the client, and the content type.
func (s *Session) replyEncoding(payload []*eio.Message) (enc eio.Encoding, contentType string) {
	const text = "text/plain; charset=UTF-8"
	switch {
	case s.handshake.Version == eio.V4:
		return eio.Polling4, text
	case s.format.base64 || !eio.HasBinary(payload):
		return eio.Polling3, text
	}
	return eio.Polling3Binary, octetStream
}

// gzipWriters compress at the fastest level.
var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

func gzipBody(body []byte) []byte {
	var out bytes.Buffer
	z := gzipWriters.Get().(*gzip.Writer)
	z.Reset(&out)
	_, _ = z.Write(body) // into memory
	_ = z.Close()
	gzipWriters.Put(z)
	return out.Bytes()
}
