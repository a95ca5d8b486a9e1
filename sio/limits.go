package sio

import "cmp"

// Limits bounds what one packet of a client may cost. A field that is zero
// means its default.
type Limits struct {
	// MaxAttachments is the number of attachments; 10 by default, as in the
	// official parsers.
	MaxAttachments int
	// MaxAttachmentBytes is the sum of the attachments' bytes; 10 MiB by
	// default. They are held until the last one is in.
	MaxAttachmentBytes int
	// MaxDepth is the nesting of arrays and objects; 128 by default and never
	// more than 1000.
	MaxDepth int
	// MaxNamespace is the bytes of a namespace's name, without its query;
	// 1024 by default.
	MaxNamespace int
	// MaxEvent is the bytes of an event's name, as it is written in JSON with
	// its quotes; 1024 by default.
	MaxEvent int
}

// DefaultLimits are the limits of a [Decoder] that has none of its own. They
// are read by every Decoder and are not to be changed.
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
	l.MaxAttachments = cmp.Or(l.MaxAttachments, d.MaxAttachments)
	l.MaxAttachmentBytes = cmp.Or(l.MaxAttachmentBytes, d.MaxAttachmentBytes)
	l.MaxDepth = min(cmp.Or(l.MaxDepth, d.MaxDepth), maxDepth)
	l.MaxNamespace = cmp.Or(l.MaxNamespace, d.MaxNamespace)
	l.MaxEvent = cmp.Or(l.MaxEvent, d.MaxEvent)
	return l
}
