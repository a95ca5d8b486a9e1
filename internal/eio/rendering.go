package eio

import "encoding/base64"

// rendering is a message in one encoding, in a linked list: there are at most nine, and in
// a broadcast rarely more than two.
type rendering struct {
	encoding Encoding
	bytes    []byte
	next     *rendering
}

// findRendering returns the bytes kept for a canonical encoding, nil if there are none. A
// rendering is never empty.
func (m *Message) findRendering(enc Encoding) []byte {
	for r := m.renderings.Load(); r != nil; r = r.next {
		if r.encoding == enc {
			return r.bytes
		}
	}
	return nil
}

// canonicalEncoding returns the encoding under which the bytes of enc are kept. It differs
// from enc if both give the same bytes: if no frame is large enough to compress, and, without
// attachments, in both revisions.
func (m *Message) canonicalEncoding(enc Encoding) Encoding {
	if m.canDeflate(enc) {
		if len(m.attachments) == 0 {
			return WebSocket4Deflate
		}
		return enc
	}
	switch enc {
	case WebSocket3Deflate:
		enc = WebSocket3
	case WebSocket4Deflate:
		enc = WebSocket4
	}
	if enc >= WebSocket3 && len(m.attachments) == 0 {
		return WebSocket4
	}
	return enc
}

// isCostly reports whether rendering in a canonical encoding is more than copying, and so
// worth keeping even for a single session.
func (m *Message) isCostly(enc Encoding) bool {
	switch enc {
	case Polling3Binary, WebSocket3, WebSocket4:
		return false
	case Polling3, Polling4:
		return len(m.attachments) > 0
	default:
		return true
	}
}

// appendEncoded appends the message in a canonical encoding to dst.
func (m *Message) appendEncoded(dst []byte, enc Encoding) []byte {
	switch enc {
	case Polling3:
		return m.appendPayload3(dst)
	case Polling3Binary:
		return m.appendBinaryPayload3(dst)
	case Polling4:
		return m.appendPayload4(dst)
	case WebSocket3:
		return m.appendFrames(dst, head3)
	case WebSocket3Base64:
		return m.appendFramesBase64(dst, head3Base64)
	case WebSocket4Base64:
		return m.appendFramesBase64(dst, head4Base64)
	case WebSocket3Deflate:
		return m.appendFramesDeflated(dst, head3)
	case WebSocket4Deflate:
		return m.appendFramesDeflated(dst, "")
	default: // WebSocket4
		return m.appendFrames(dst, "")
	}
}

// estimateSize returns an upper bound of the message's size in an encoding, and a close one.
func (m *Message) estimateSize(enc Encoding) int {
	const perPacket = 16 // the longest head of a frame or record, and the type
	room := m.Packets()*perPacket + len(m.text)
	for _, a := range m.attachments {
		switch enc {
		case Polling3, Polling4, WebSocket3Base64, WebSocket4Base64:
			room += base64.StdEncoding.EncodedLen(len(a))
		default:
			room += len(a)
		}
	}
	return room
}
