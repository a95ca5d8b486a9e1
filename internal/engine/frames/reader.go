package frames

import (
	"bufio"
	"io"
	"sync"

	"github.com/gorilla/websocket"
)

const (
	// bufferSize is the size of a Reader's buffer, in bytes. It holds the heads of
	// frames and small messages. Larger messages go through buffers of the caller, which
	// idle connections can share.
	bufferSize = 512
	// fragmentAllowance is how many bytes of the wire a message may take besides its
	// limit: enough for some thousands of fragments and control frames, too few for
	// millions.
	fragmentAllowance = 64 << 10
	// minGrowth is how many bytes the buffer of a message grows by at least.
	minGrowth = 4 << 10
)

// Wire is the connection below a [Reader]. Its methods are called by the goroutine that
// calls the Reader.
type Wire interface {
	// Read reads bytes that the client sent, as [io.Reader] does. In a call of
	// [Reader.AwaitBytes] it may return [ErrIdle].
	io.Reader
	// SendPong sends a whole pong frame. It must not wait for the client, and may drop
	// the frame.
	SendPong(frame []byte)
	// Reserve is called before the buffer of a message grows by n bytes. An error ends
	// the reading.
	Reserve(n int) error
	// CountControl is called for each ping and each pong. The Reader does not read on
	// before it returns.
	CountControl()
	// CountInflated is called with the number of bytes that a compressed message had when
	// it was inflated, as far as it was. Reserve has been called for the inflater, too.
	CountInflated(n int)
}

// Reader reads the messages of one WebSocket. It must not be copied.
type Reader struct {
	// Static after openReader.
	gorilla *websocket.Conn
	buffer  *bufio.Reader // gorilla's

	// Static between Open and Release.
	wire  Wire
	heads *headReader // nil without compression

	// Owned by the goroutine that reads.
	breach *Error // the close frame that gorilla made for a breach of the protocol
	recent recentBytes
	used   int64 // bytes of the wire that the current message has taken, frame heads included
	budget int64 // the limit of used
	lost   error // of a read from the wire, which fails from then on
}

// readers are shared by all connections: an idle one has none.
var readers sync.Pool

// Open returns a Reader for a connection whose handshake is complete, and of which no
// message has begun. compressed means that permessage-deflate was negotiated, without
// context takeover.
func Open(wire Wire, compressed bool) (*Reader, error) {
	r, ok := readers.Get().(*Reader)
	if !ok {
		var err error
		if r, err = openReader(); err != nil {
			return nil, err
		}
	}
	r.wire = wire
	if compressed {
		r.heads = new(headReader)
	}
	return r, nil
}

// openReader makes a Reader without a wire.
func openReader() (r *Reader, err error) {
	r = new(Reader)
	r.buffer = bufio.NewReaderSize(gorillaConn{r}, bufferSize)
	if r.gorilla, err = newGorilla(r); err != nil {
		return nil, err
	}
	r.gorilla.SetPingHandler(r.replyToPing)
	r.gorilla.SetPongHandler(r.countPong)
	r.gorilla.SetCloseHandler(func(int, string) error { return nil }) // the caller replies
	return r, nil
}

// Release keeps the Reader for another connection. The caller calls it between two
// messages, when nothing is buffered, and does not use the Reader after it. A Reader that
// has returned an error is not released: gorilla remembers errors.
func (r *Reader) Release() {
	r.wire, r.heads, r.recent = nil, nil, recentBytes{}
	readers.Put(r)
}

// Buffered returns how many bytes have been read from the [Wire], and are not yet part
// of a returned message.
func (r *Reader) Buffered() int { return r.buffer.Buffered() }

// AwaitBytes waits for the first bytes of the next message, and leaves them to
// [Reader.Next], with errors too. It reports whether the wire returned [ErrIdle] instead.
// The caller calls it between two messages, when nothing is buffered.
func (r *Reader) AwaitBytes() (idle bool) {
	r.used, r.budget = 0, bufferSize
	if _, err := r.buffer.Peek(1); err == ErrIdle {
		r.lost = nil
		return true
	}
	return false
}

// Message is a message whose beginning has been read.
type Message struct {
	// Binary is true for a binary message, false for a text.
	Binary bool

	reader     *Reader
	body       io.Reader
	compressed bool
}

// Next waits for the next message. limit is the largest size of its frames' payload, in
// bytes. The message before must have been read to its end.
//
// Each error ends the reading. It is [ErrLost], a [*CloseError], an [*Error], or an error
// of the decompression.
func (r *Reader) Next(limit int64) (Message, error) {
	r.used, r.budget = 0, 2*limit+fragmentAllowance
	r.gorilla.SetReadLimit(limit)
	kind, body, err := r.gorilla.NextReader()
	if err != nil {
		return Message{}, r.wrapError(err)
	}
	m := Message{kind == websocket.BinaryMessage, r, body, false}
	if r.heads != nil {
		m.compressed = r.heads.takeMessage()
	}
	return m, nil
}

// AppendTo reads the message to its end and appends it to buf, which must be empty. limit
// is the largest size after decompression, in bytes. A text is checked while it comes in:
// the first byte that is not UTF-8 ends the reading. AppendTo returns the buffer also with
// an error, and the same errors as [Reader.Next].
func (m Message) AppendTo(buf []byte, limit int64) ([]byte, error) {
	var err error
	if m.compressed {
		buf, err = m.appendInflated(buf, int(limit))
	} else {
		buf, err = m.appendBody(buf, int(limit))
	}
	if err != nil {
		err = m.reader.wrapError(err)
	}
	return buf, err
}

// appendInflated is appendBody for a compressed message.
func (m Message) appendInflated(buf []byte, limit int) ([]byte, error) {
	if err := m.reader.wire.Reserve(inflaterSize); err != nil {
		return buf, err
	}
	i := newInflater(m.body)
	defer i.releaseFlate()
	m.body = i
	buf, err := m.appendBody(buf, limit)
	m.reader.wire.CountInflated(len(buf))
	return buf, err
}

func (m Message) appendBody(buf []byte, limit int) ([]byte, error) {
	valid := 0 // bytes of the text that have been checked
	for {
		if len(buf) == cap(buf) {
			n := max(cap(buf), minGrowth)
			if err := m.reader.wire.Reserve(n); err != nil {
				return buf, err
			}
			// Append would grow it by more than n.
			buf = append(make([]byte, 0, cap(buf)+n), buf...)
		}
		n, err := m.body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf, ErrTooLarge
		}
		if !m.Binary {
			checked, ok := checkText(buf[valid:], err == io.EOF)
			if !ok {
				return buf, errText
			}
			valid += checked
		}
		switch err {
		case nil:
		case io.EOF:
			return buf, nil
		default:
			return buf, err
		}
	}
}

// replyToPing sends the pong of a ping.
func (r *Reader) replyToPing(payload string) error {
	r.wire.SendPong(pongFrame(payload))
	r.wire.CountControl()
	return nil
}

// countPong counts a pong, which has no other effect.
func (r *Reader) countPong(string) error {
	r.wire.CountControl()
	return nil
}
