package eio

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Encoding is a form of the messages of a session: a revision of the protocol, a
// transport, and the client's abilities.
type Encoding uint8

// The encodings. The session's request determines its encoding: V3 clients that did not
// request b64 can read binary, V4 clients only over a WebSocket.
const (
	Polling3          Encoding = iota // <length>:<packet>…, binary as base64
	Polling3Binary                    // binary records; only for a response with an attachment
	Polling4                          // packets joined by 0x1e, binary as base64
	WebSocket3                        // frames; binary ones begin with 0x04
	WebSocket3Base64                  // frames, all of text; binary as "b4" and base64
	WebSocket4                        // frames; binary ones unchanged
	WebSocket4Base64                  // frames, all of text; binary as "b" and base64
	WebSocket3Deflate                 // as WebSocket3, with permessage-deflate
	WebSocket4Deflate                 // as WebSocket4, with permessage-deflate
)

// Message is one unit to send: a text message with its binary attachments, which must
// follow it directly, or a control packet. It never changes, and any number of sessions
// share it.
type Message struct {
	// Static after construction.
	text        []byte
	attachments [][]byte
	kind        Type
	compress    bool

	mu         sync.Mutex                // held while rendering, so that it happens once per encoding
	renderings atomic.Pointer[rendering] // changed with mu held, read without

	holds holds // see Hold
}

// NewMessage returns the message packet of text, without its type digit, followed by its
// attachments as binary message packets. It keeps text and attachments, which must not
// change afterwards. Text must be valid UTF-8.
//
// With compress, the message is compressed where it is large enough.
func NewMessage(text []byte, attachments [][]byte, compress bool) *Message {
	return &Message{kind: TypeMessage, text: text, attachments: attachments, compress: compress}
}

// NewControl returns the packet of type t with data, which may be nil: a ping, the pong
// "3probe", or the handshake's open packet. It keeps data, which must not change
// afterwards. A control packet is not compressed.
func NewControl(t Type, data []byte) *Message {
	return &Message{kind: t, text: data}
}

// Compress reports whether the message may be compressed, by permessage-deflate or in the
// response to a poll. The transport decides from which size.
func (m *Message) Compress() bool { return m.compress }

// Size returns the bytes of the message's payload, the same for all encodings: the text
// packet with its type digit, and the attachments.
func (m *Message) Size() int {
	size := 1 + len(m.text)
	for _, a := range m.attachments {
		size += len(a)
	}
	return size
}

// Packets returns the number of packets of the message: one, and one for each attachment.
func (m *Message) Packets() int { return 1 + len(m.attachments) }

// Bytes returns the whole message in an encoding. For the WebSocket encodings these are
// the server's frames of the text and of all attachments. For the polling encodings they
// are the records of a payload, on V4 with separators between them.
//
// The first caller renders the message. All callers get the same bytes, which must not be
// changed.
func (m *Message) Bytes(enc Encoding) []byte {
	enc = m.canonicalEncoding(enc)
	if b := m.findRendering(enc); b != nil {
		return b
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.findRendering(enc); b != nil {
		return b
	}
	// Clipped, so that an append to the bytes copies them.
	b := slices.Clip(m.appendEncoded(make([]byte, 0, m.estimateSize(enc)), enc))
	m.renderings.Store(&rendering{encoding: enc, bytes: b, next: m.renderings.Load()})
	m.recountHeld()
	return b
}

// Append appends the bytes of [Message.Bytes] to dst. It renders and keeps costly
// encodings as Bytes does, and writes the others directly into dst. So a message for one
// session allocates only to grow dst.
func (m *Message) Append(dst []byte, enc Encoding) []byte {
	enc = m.canonicalEncoding(enc)
	if b := m.findRendering(enc); b != nil {
		return append(dst, b...)
	}
	if m.isCostly(enc) {
		return append(dst, m.Bytes(enc)...)
	}
	return m.appendEncoded(dst, enc)
}

// AppendPayload appends to dst the response to a poll, with all packets of ms. There must
// be at least one message, and the encoding must be a polling one.
//
// Polling3Binary is for clients that can read it, and only if [HasBinary] is true: V3
// servers respond with text otherwise.
func AppendPayload(dst []byte, enc Encoding, ms []*Message) []byte {
	for i, m := range ms {
		if i > 0 && enc == Polling4 {
			dst = append(dst, separator)
		}
		dst = m.Append(dst, enc)
	}
	return dst
}

// HasBinary reports whether any of the messages has an attachment.
func HasBinary(ms []*Message) bool {
	return slices.ContainsFunc(ms, func(m *Message) bool { return len(m.attachments) > 0 })
}
