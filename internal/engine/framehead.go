package engine

// The first bytes of a frame (RFC 6455, section 5.2).
const (
	frameRSV1   = 0x40
	frameRSV2   = 0x20
	frameMasked = 0x80
	opText      = 0x1
	opBinary    = 0x2
)

// headGuard follows the heads of a client's frames where compression is agreed. RSV1
// belongs to the first frame of a message then (RFC 7692, section 6.1); gorilla lets it
// pass on every frame.
type headGuard struct {
	payload uint64 // bytes that are left of the frame's payload
	length  uint64 // of the payload, as far as the head was read
	read    uint8  // bytes of the head under way that were read
	extra   uint8  // bytes of the head that hold the length, besides the second
	masked  bool
}

// mark sets RSV2 on each frame of p with an RSV1 that is not allowed: gorilla refuses
// that with status 1002, after all that came before. Calls get what is read in its order.
func (g *headGuard) mark(p []byte) {
	for i := 0; i < len(p); {
		if g.payload > 0 {
			n := min(g.payload, uint64(len(p)-i))
			g.payload -= n
			i += int(n)
			continue
		}
		g.readHead(&p[i])
		i++
	}
}

// readHead takes the next byte of a head.
func (g *headGuard) readHead(b *byte) {
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
