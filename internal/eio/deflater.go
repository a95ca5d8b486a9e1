package eio

import (
	"compress/flate"
	"sync"
)

// deflateThreshold is the size in bytes, its type not counted, of a packet that is
// compressed. Below, deflate makes more work than it saves; the reference draws
// the line at the same place.
const deflateThreshold = 1024

// deflateTail is how many bytes end every flush and do not go on the wire: 00
// 00 ff ff (RFC 7692, section 7.2.1).
const deflateTail = 4

// deflater compresses one message at a time, each on its own: without a context
// that lasts from message to message, all sessions can share the result and
// none has to keep a window.
type deflater struct {
	writer *flate.Writer
	head   []byte
	out    []byte
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	// The level is a good one, and the only thing that NewWriter complains of.
	d.writer, _ = flate.NewWriter(d, flate.BestSpeed)
	return d
}}

// Write takes what the flate.Writer puts out. It never fails, so neither do the
// methods of the flate.Writer.
func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// compressFrame returns head and data compressed, and whether that is worth it. The
// bytes are good until the next call.
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

// canDeflate tells whether the encoding is one that compresses, and the message
// has a frame for it.
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

// appendFramesDeflated appends the frames of the message, each compressed if
// that makes it smaller; head goes before each attachment.
func (m *Message) appendFramesDeflated(dst []byte, head string) []byte {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	dst = d.appendFrame(dst, opText, m.kind.typeDigit(), m.text)
	for _, a := range m.attachments {
		dst = d.appendFrame(dst, opBinary, head, a)
	}
	return dst
}

func (d *deflater) appendFrame(dst []byte, op byte, head string, data []byte) []byte {
	if len(data) >= deflateThreshold {
		if packed, ok := d.compressFrame(head, data); ok {
			return appendFrame(dst, op|rsv1, "", packed)
		}
	}
	return appendFrame(dst, op, head, data)
}
