package cluster

import "encoding/hex"

// TraceContext names the span of a distributed trace that an emit continues. Only sampled
// traces have one, so that the deliveries of other emits cost nothing for it.
type TraceContext struct {
	// TraceID is the id of the trace.
	TraceID [16]byte
	// SpanID is the id of the parent of the delivery spans.
	SpanID [8]byte
}

// traceparentSize is the size of a traceparent of version 00: 00-TRACE-SPAN-FLAGS.
const traceparentSize = 2 + 1 + 32 + 1 + 16 + 1 + 2

// ParseTraceparent returns the trace context in a traceparent header of W3C's Trace Context.
// It returns nil for a trace that is not sampled, and for a malformed header.
func ParseTraceparent(header string) *TraceContext {
	if len(header) < traceparentSize || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return nil
	}
	version, flags := parseHex(header[:2]), parseHex(header[53:traceparentSize])
	switch {
	case version == nil || version[0] == 0xff || flags == nil || flags[0]&1 == 0:
		return nil
	case len(header) > traceparentSize && (version[0] == 0 || header[traceparentSize] != '-'):
		return nil // later versions add members after another dash
	}
	c := new(TraceContext)
	copy(c.TraceID[:], parseHex(header[3:35]))
	copy(c.SpanID[:], parseHex(header[36:52]))
	if c.TraceID == [16]byte{} || c.SpanID == [8]byte{} {
		return nil
	}
	return c
}

// parseHex returns the bytes of lower-case hexadecimal digits, or nil for other text.
func parseHex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil || hex.EncodeToString(b) != text {
		return nil
	}
	return b
}

// String returns the trace context as a traceparent header of W3C's Trace Context, with
// the flag of a sampled trace.
func (c *TraceContext) String() string {
	return "00-" + hex.EncodeToString(c.TraceID[:]) + "-" + hex.EncodeToString(c.SpanID[:]) + "-01"
}
