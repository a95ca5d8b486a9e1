package frames

import "slices"

// Bits of a frame's first two bytes (RFC 6455, section 5.2).
const (
	frameFin    = 0x80
	frameRSV1   = 0x40
	frameMasked = 0x80
	opText      = 0x1
	opBinary    = 0x2
)

// headReader follows the heads of a client's frames if compression was negotiated. RSV1
// on the first frame of a message then means that the message is compressed (RFC 7692,
// section 6). Gorilla, which inflates nothing here, refuses it on other frames.
type headReader struct {
	// compressed has an entry for each message that has begun and that [Reader.Next] has
	// not returned: whether it is compressed. A wire read of the buffer's size has few.
	compressed []bool

	payload uint64 // bytes of the frame's payload that are still to come
	length  uint64 // of the payload, as far as the head has been read
	read    uint8  // bytes of the current head that have been read
	extra   uint8  // bytes of the head that hold the length, besides the second
	masked  bool
}

// readHeads notes the messages that begin in p, and removes RSV1 from their first frames.
// Calls must bring the bytes of the wire in order.
func (g *headReader) readHeads(p []byte) {
	for i := 0; i < len(p); {
		if g.payload > 0 {
			n := min(g.payload, uint64(len(p)-i))
			g.payload -= n
			i += int(n)
			continue
		}
		g.readHeadByte(&p[i])
		i++
	}
}

// takeMessage removes the first message that has begun, and reports whether it is
// compressed.
func (g *headReader) takeMessage() (compressed bool) {
	compressed = g.compressed[0]
	g.compressed = slices.Delete(g.compressed, 0, 1)
	return compressed
}

// readHeadByte reads the next byte of a head.
func (g *headReader) readHeadByte(b *byte) {
	switch {
	case g.read == 0:
		if op := *b & 0xf; op == opText || op == opBinary {
			g.compressed = append(g.compressed, *b&frameRSV1 != 0)
			*b &^= frameRSV1
		}
	case g.read == 1:
		g.masked, g.length, g.extra = *b&frameMasked != 0, uint64(*b&^frameMasked), 0
		switch g.length {
		case 126:
			g.length, g.extra = 0, 2
		case 127:
			g.length, g.extra = 0, 8
		}
	case g.read < 2+g.extra:
		g.length = g.length<<8 | uint64(*b)
	}
	g.read++
	size := 2 + g.extra
	if g.masked {
		size += 4
	}
	if g.read > 1 && g.read == size {
		g.payload, g.read = g.length, 0
	}
}
