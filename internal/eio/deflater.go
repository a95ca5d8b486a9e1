package eio

import (
	"compress/flate"
	"sync"
)

// deflateThreshold is the size in bytes, without the type, from which a packet is
// compressed. Smaller packets cost more work than they save; engine.io has the same
// threshold.
const deflateThreshold = 1024

// deflateTail is the number of bytes at the end of every flush that are not sent: 00 00
// ff ff (RFC 7692, section 7.2.1).
const deflateTail = 4

// deflater compresses each message on its own. Without a context that lasts from message
// to message, all sessions can share the result, and no session keeps a window.
type deflater struct {
	writer *flate.Writer
	head   []byte
	out    []byte
}

// deflaters are the deflaters not in use.
var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	// NewWriter returns errors only for a wrong level.
	d.writer, _ = flate.NewWriter(d, flate.BestSpeed)
	return d
}}

// Write appends the output of the flate.Writer. It never fails, so neither do the methods
// of the flate.Writer.
func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// compressFrame returns head and data compressed, and whether that is shorter. The bytes
// are valid until the next call.
func (d *deflater) compressFrame(head string, data []byte) ([]byte, bool) {
	d.out = d.out[:0]
	d.head = append(d.head[:0], head...)
	d.writer.Reset(d)
	_, _ = d.writer.Write(d.head)
	_, _ = d.writer.Write(data)
	_ = d.writer.Flush()
	packed := d.out[:len(d.out)-deflateTail]
	return packed, len(packed) < len(head)+len(data)
}

// canDeflate reports whether the encoding compresses, and the message has a frame that is
// large enough.
func (m *Message) canDeflate(enc Encoding) bool {
	if enc < WebSocket3Deflate || !m.compress {
		return false
	}
	if len(m.text) >= deflateThreshold {
		return true
	}
	for _, a := range m.attachments {
		if len(a) >= deflateThreshold {
			return true
		}
	}
	return false
}

// appendFramesDeflated appends the frames of the message, each compressed if that makes
// it shorter. It writes head before each attachment.
func (m *Message) appendFramesDeflated(dst []byte, head string) []byte {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	dst = d.appendFrame(dst, opText, m.kind.typeDigit(), m.text)
	for _, a := range m.attachments {
		dst = d.appendFrame(dst, opBinary, head, a)
	}
	return dst
}

// appendFrame appends the frame of head and data, compressed if that makes it shorter.
func (d *deflater) appendFrame(dst []byte, op byte, head string, data []byte) []byte {
	if len(data) >= deflateThreshold {
		if packed, ok := d.compressFrame(head, data); ok {
			return appendFrame(dst, op|rsv1, "", packed)
		}
	}
	return appendFrame(dst, op, head, data)
}
