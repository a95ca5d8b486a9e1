package frames

// Bits of a frame's first two bytes (RFC 6455, section 5.2).
const (
	frameFin    = 0x80
	frameRSV1   = 0x40
	frameRSV2   = 0x20
	frameMasked = 0x80
	opText      = 0x1
	opBinary    = 0x2
)

// headGuard follows the heads of a client's frames if compression was negotiated. RSV1
// may then stand on the first frame of a message only (RFC 7692, section 6.1); gorilla
// accepts it on every frame.
type headGuard struct {
	payload uint64 // bytes of the frame's payload that are still to come
	length  uint64 // of the payload, as far as the head has been read
	read    uint8  // bytes of the current head that have been read
	extra   uint8  // bytes of the head that hold the length, besides the second
	masked  bool
}

// markFrames sets RSV2 on each frame in p with a forbidden RSV1: gorilla then refuses the
// frame with status 1002, after it has delivered all messages before. Calls must bring
// the bytes of the wire in order.
func (g *headGuard) markFrames(p []byte) {
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

// readHeadByte reads the next byte of a head, and marks it if it is a first byte with
// a forbidden RSV1.
func (g *headGuard) readHeadByte(b *byte) {
	switch {
	case g.read == 0:
		if op := *b & 0xf; *b&frameRSV1 != 0 && op != opText && op != opBinary {
			*b |= frameRSV2
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
