package backend

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Stream bounds streamed replies: responses of the type application/x-ndjson or
// text/event-stream. Each line, or each event's data, is a reply that is applied as it
// arrives.
type Stream struct {
	// MaxLine is the size of the largest reply of a stream, in bytes. Default: 64000.
	MaxLine int64 `json:"max_line,omitempty"`
	// MaxSize is the size of the largest stream, in bytes. Default: 16000000.
	MaxSize int64 `json:"max_size,omitempty"`
	// MaxTime is the longest time of a stream, from its beginning. Default: 5m.
	MaxTime caddy.Duration `json:"max_time,omitempty"`
	// Idle is the longest time without a byte of the stream. Default: 30s.
	Idle caddy.Duration `json:"idle,omitempty"`
	// Cancel are events, named as in a rule. The request is canceled when the client
	// sends one of them. Default: none.
	Cancel []string `json:"cancel,omitempty"`
}

func (s *Stream) setDefaults() {
	if s.MaxLine == 0 {
		s.MaxLine = 64_000
	}
	if s.MaxSize == 0 {
		s.MaxSize = 16_000_000
	}
	if s.MaxTime == 0 {
		s.MaxTime = caddy.Duration(5 * time.Minute)
	}
	if s.Idle == 0 {
		s.Idle = caddy.Duration(30 * time.Second)
	}
}

func (s *Stream) checkSettings() error {
	if s.MaxLine < 0 || s.MaxSize < 0 || s.MaxTime < 0 || s.Idle < 0 {
		return errors.New("stream: max_line, max_size, max_time and idle must not be negative")
	}
	return checkCancel(s.Cancel)
}

// checkCancel refuses names of events that no client sends.
func checkCancel(events []string) error {
	for _, name := range events {
		switch name {
		case "", "connect", "disconnecting", "disconnect":
			return fmt.Errorf("stream: cancel: unexpected %q: expected an event that clients send", name)
		}
	}
	return nil
}

// Errors of streams.
var (
	errStreamLine     = errors.New("a reply of the stream is larger than stream max_line")
	errStreamSize     = errors.New("the stream is larger than stream max_size")
	errStreamTime     = errors.New("the stream takes longer than stream max_time")
	errStreamIdle     = errors.New("the stream sent nothing for longer than stream idle")
	errStreamConnect  = errors.New("the reply to connect is a stream: expected one reply, of the type application/json")
	errStreamUnended  = errors.New("the stream ends within an event: expected an empty line after its last data")
	errStreamFastCGI  = fmt.Errorf("%w: behind FastCGI a stream that takes longer than timeout needs the option stream", errBrokenOff)
	errStreamCanceled = errors.New("the stream was canceled")
)

// isStreamType reports whether responses with a header are streams, and whether of
// server-sent events.
func isStreamType(header http.Header) (isStream, isEvents bool) {
	typ, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch typ {
	case "text/event-stream":
		return true, true
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return true, false
	}
	return false, false
}

// streamBody is the body of a streamed reply. The goroutine of the request owns it.
type streamBody struct {
	call    *call
	decoder streamDecoder
	size    int64
	held    int         // bytes of the reply that is not complete, which were reserved
	err     error       // of the last write
	idle    *time.Timer // runs between writes
	time    *time.Timer
}

// beginStream begins the streamed reply of a response. The timeout of the request ends here,
// unless the socket disconnects: then it bounds the stream, too.
func (c *call) beginStream(header http.Header, isEvents bool) *streamBody {
	limits := &c.handler.stream
	b := &streamBody{call: c, decoder: streamDecoder{isEvents: isEvents, maxLine: int(limits.MaxLine)}}
	b.err = c.checkStream(header)
	if b.err != nil {
		return b
	}
	if !c.isLast() && !c.timeout.Stop() {
		b.err = errTimeout
		return b
	}
	streamsInFlight.WithLabelValues(hubName(c.ev)).Inc()
	cancel := c.cancel // the runtime keeps stopped timers for a while: without the call
	b.idle = time.AfterFunc(time.Duration(limits.Idle), func() { cancel(errStreamIdle) })
	b.time = time.AfterFunc(time.Duration(limits.MaxTime), func() { cancel(errStreamTime) })
	close(c.streaming)
	return b
}

// write splits bytes into replies, and has each applied. It returns when the last one is
// being applied, and does not return while earlier ones are: the backend then waits.
func (b *streamBody) write(p []byte) (int, error) {
	if b.err == nil {
		b.idle.Stop()
		b.err = b.splitReplies(p)
		if held := cap(b.decoder.line) + cap(b.decoder.data); b.err == nil && held > b.held {
			b.err = b.call.reserve(held - b.held)
			b.held = held
		}
		b.idle.Reset(time.Duration(b.call.handler.stream.Idle))
	}
	if b.err != nil {
		return 0, b.err
	}
	return len(p), nil
}

func (b *streamBody) splitReplies(p []byte) error {
	if b.size += int64(len(p)); b.size > b.call.handler.stream.MaxSize {
		return errStreamSize
	}
	for len(p) > 0 {
		reply, rest, err := b.decoder.next(p)
		if err != nil {
			return err
		}
		if p = rest; len(reply) > 0 {
			if err := b.deliver(reply); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver hands a reply to the goroutine of the event.
func (b *streamBody) deliver(reply []byte) error {
	select {
	case b.call.replies <- reply:
		return nil
	case <-b.call.ctx.Done():
		return context.Cause(b.call.ctx)
	}
}

// end ends the stream with the cause of its end, or the error of the HTTP handlers. It delivers a last line without
// an end.
func (b *streamBody) end(err error) error {
	if b.idle != nil {
		b.idle.Stop()
		b.time.Stop()
		streamsInFlight.WithLabelValues(hubName(b.call.ev)).Dec()
	}
	if b.err != nil {
		return b.err
	}
	if err == errBrokenOff && b.call.handler.Stream == nil && b.call.handler.placed.hasFastCGI {
		return errStreamFastCGI
	}
	if err != nil {
		return err
	}
	last, err := b.decoder.last()
	if err == nil && len(last) > 0 {
		err = b.deliver(last)
	}
	return err
}

// checkStream returns an error for a stream that can't be applied.
func (c *call) checkStream(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fmt.Errorf("the stream has the Content-Encoding %s: expected none", encoding)
	}
	if c.isConnect() {
		return errStreamConnect
	}
	return nil
}
