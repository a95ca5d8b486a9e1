package eio

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Encoding is a form in which a session gets its messages: a revision of the
// protocol, a transport, and what the client can take.
type Encoding uint8

// The encodings. A session's own follows from its request: V3 clients that did
// not ask for b64 can take binary, on V4 only over a WebSocket.
const (
	Polling3          Encoding = iota // <length>:<packet>…, binary as base64
	Polling3Binary                    // binary records; only for an answer that has something binary in it
	Polling4                          // packets joined by 0x1e, binary as base64
	WebSocket3                        // frames; binary ones begin with 0x04
	WebSocket3Base64                  // frames, all of text; binary as "b4" and base64
	WebSocket4                        // frames; binary ones as they are
	WebSocket4Base64                  // frames, all of text; binary as "b" and base64
	WebSocket3Deflate                 // as WebSocket3, with permessage-deflate
	WebSocket4Deflate                 // as WebSocket4, with permessage-deflate
)

// Message is one thing to send: a text message with the binary messages that
// belong to it, which nothing may come between, or a control packet. It never
// changes, and any number of sessions share it.
type Message struct {
	// Static after construction.
	text        []byte
	attachments [][]byte
	kind        Type
	compress    bool

	mu         sync.Mutex                // guards against rendering the same twice at once
	renderings atomic.Pointer[rendering] // changed with mu held, read without
}

// NewMessage returns the message packet of text, without its type digit,
// followed by its attachments as binary message packets. It keeps text and
// attachments, which must not be changed from then on; text must be valid UTF-8.
//
// Compress says that the message is worth compressing when it is big enough.
func NewMessage(text []byte, attachments [][]byte, compress bool) *Message {
	return &Message{kind: TypeMessage, text: text, attachments: attachments, compress: compress}
}

// NewControl returns the packet of type t with data, which may be nil: a ping,
// the pong "3probe", the handshake's open packet. It keeps data, which must not
// be changed from then on. A control packet is not compressed.
func NewControl(t Type, data []byte) *Message {
	return &Message{kind: t, text: data}
}

// Compress reports whether the message may be compressed, by permessage-deflate
// or in the answer to a poll. How big it must be is for the transport to say.
func (m *Message) Compress() bool { return m.compress }

// Size returns the message's bytes of payload, the same for all encodings: the
// text packet with its type digit, and the attachments.
func (m *Message) Size() int {
	size := 1 + len(m.text)
	for _, a := range m.attachments {
		size += len(a)
	}
	return size
}

// Packets returns how many packets the message is: one, and one for each of its
// attachments.
func (m *Message) Packets() int { return 1 + len(m.attachments) }

// Bytes returns the whole message in the given encoding: for the WebSocket
// encodings, the server's frames of the text and of all attachments; for the
// polling ones, its records of a payload, on V4 with the separators between
// them, and none before or after.
//
// The message is rendered by the first who asks. From then on all get the same
// bytes, which must not be changed.
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
	// Clipped, so that whoever appends to the bytes gets a copy.
	b := slices.Clip(m.appendEncoded(make([]byte, 0, m.estimateSize(enc)), enc))
	m.renderings.Store(&rendering{encoding: enc, bytes: b, next: m.renderings.Load()})
	return b
}

// Append appends the bytes of [Message.Bytes] to dst. What takes more than
// copying is rendered once and kept, like there; the rest goes straight into
// dst, so that a message for one session allocates nothing when dst is big
// enough.
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

// AppendPayload appends the answer to a poll, with all packets of ms, of which
// there must be one at least, to dst. The encoding is one of the polling ones.
//
// Polling3Binary is for clients that can take it, and only if [HasBinary] is
// true: V3 servers answer in text otherwise.
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
