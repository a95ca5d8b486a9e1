package sio

import "cmp"

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
	l.MaxAttachments = cmp.Or(l.MaxAttachments, d.MaxAttachments)
	l.MaxAttachmentBytes = cmp.Or(l.MaxAttachmentBytes, d.MaxAttachmentBytes)
	l.MaxDepth = min(cmp.Or(l.MaxDepth, d.MaxDepth), maxDepth)
	l.MaxNamespace = cmp.Or(l.MaxNamespace, d.MaxNamespace)
	l.MaxEvent = cmp.Or(l.MaxEvent, d.MaxEvent)
	return l
}
