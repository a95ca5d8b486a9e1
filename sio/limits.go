package sio

// Limits bounds the cost of one packet of a client. A field that is zero means its
// default.
type Limits struct {
	// MaxAttachments is the largest number of attachments; 10 by default, as in the
	// official parsers.
	MaxAttachments int
	// MaxAttachmentBytes is the largest size of all attachments together; 10 MiB by
	// default. The Decoder keeps them until the last one arrives.
	MaxAttachmentBytes int
	// MaxDepth is the deepest nesting of arrays and objects; 128 by default and at most
	// 1000.
	MaxDepth int
	// MaxNamespace is the largest size of a namespace's name, without its query, in
	// bytes; 1024 by default.
	MaxNamespace int
	// MaxEvent is the largest size of an event's name, in bytes, as JSON with its
	// quotes; 1024 by default.
	MaxEvent int
}

// DefaultLimits are the limits of a [Decoder] without limits of its own. Every Decoder
// reads them; they must not be changed.
var DefaultLimits = Limits{
	MaxAttachments:     MaxAttachments,
	MaxAttachmentBytes: 10 << 20,
	MaxDepth:           128,
	MaxNamespace:       1024,
	MaxEvent:           1024,
}

// withDefaults returns l with defaults in place of zeros.
func (l Limits) withDefaults() Limits {
	d := &DefaultLimits
	setDefault(&l.MaxAttachments, d.MaxAttachments)
	setDefault(&l.MaxAttachmentBytes, d.MaxAttachmentBytes)
	setDefault(&l.MaxDepth, d.MaxDepth)
	setDefault(&l.MaxNamespace, d.MaxNamespace)
	setDefault(&l.MaxEvent, d.MaxEvent)
	l.MaxDepth = min(l.MaxDepth, maxDepth)
	return l
}

// setDefault sets a limit that is zero. A [Decoder] does it for each packet: cmp.Or, which takes a
// list, costs more than the check of a small one.
func setDefault(limit *int, value int) {
	if *limit == 0 {
		*limit = value
	}
}
