package sio

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Errors of a packet, besides errors of its JSON.
var (
	errUnknownType           = errors.New("unknown type")
	errInvalidUTF8           = errors.New("invalid UTF-8")
	errMalformedHeader       = errors.New("malformed header")
	errLongNamespace         = errors.New("namespace too long")
	errNotJoined             = errors.New("attachments for a namespace that is not joined")
	errTextWhilePending      = errors.New("text while attachments are due")
	errNoEvent               = errors.New("binary message without an event")
	errNotArray              = errors.New("payload is no array")
	errNotObject             = errors.New("payload is no object")
	errNoName                = errors.New("event without a name")
	errLongName              = errors.New("event name too long")
	errUnexpectedPayload     = errors.New("payload where none belongs")
	errUnexpectedAttachments = errors.New("attachments where none belong")
	errNotMessage            = errors.New("not an engine.io message")
)

// maxID is the largest acknowledgement id: the largest integer that JavaScript's
// numbers count to without a gap.
const maxID = 1<<53 - 1

// Decoder assembles the packets of one client from its Engine.IO messages. Its zero
// value decodes V5 with the default limits. One goroutine at a time uses it, and its
// fields are set before the first Add.
type Decoder struct {
	// Version is the client's protocol; zero means V5.
	Version Version
	// Limits bounds the cost of a packet. Zero fields mean their defaults.
	Limits Limits
	// Allow reports whether a client may send attachments to a namespace. The Decoder
	// calls it before it waits for a packet's attachments, and rejects the packet if it
	// returns false. Otherwise a client without any socket could make the server keep a
	// full set of attachments. Nil allows all.
	Allow func(namespace string) bool

	pending      Packet // waits for attachments while missingCount > 0
	missingCount int    // attachments that are still to come
	bytesLeft    int    // bytes that they may have
	namedCount   int    // attachments with a placeholder in the payload

	// namespace is the name in the last packet outside "/". It is kept so that a client
	// that stays in one namespace does not cost a string per packet.
	namespace string
}

// Pending reports whether a packet waits for attachments. A client may never send them,
// so the owner of the Decoder sets a deadline.
func (d *Decoder) Pending() bool { return d.missingCount > 0 }

// PendingBytes returns the size of the packet that waits for attachments, as far as it was
// received. It is 0 if no packet waits.
func (d *Decoder) PendingBytes() int {
	if d.missingCount == 0 {
		return 0
	}
	return d.pending.Data.Size()
}

// Add reads the client's next message. It returns true and the packet with the packet's
// last message: the text if there are no attachments, otherwise the last attachment. The
// packet's type is Connect, Disconnect, Event or Ack: a packet of a binary type has
// attachments instead, and a client must not send ConnectError.
//
// Add checks the whole packet: the payload is valid JSON and fits the type. An Event has
// a name; an Ack has an array, which is empty if the client sent none. Attachments
// without a placeholder are dropped. The caller checks that the namespace and the id
// exist, and that the event's name is not reserved.
//
// Errors wrap ErrPacket, and drop the pending packet. The caller should close the client's
// session, as the official servers do. The packet shares no memory with m.
func (d *Decoder) Add(m eio.Packet) (p Packet, complete bool, err error) {
	switch {
	case m.Type != eio.TypeMessage:
		err = errNotMessage
	case m.Binary:
		p, complete, err = d.addAttachment(m.Data)
	case d.missingCount > 0:
		err = errTextWhilePending
	default:
		p, complete, err = d.addText(m.Data)
	}
	if err != nil {
		d.pending, d.missingCount = Packet{}, 0
		return Packet{}, false, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return p, complete, nil
}

// addAttachment adds an attachment to the pending packet.
func (d *Decoder) addAttachment(data []byte) (Packet, bool, error) {
	if d.missingCount == 0 {
		return Packet{}, false, errNoEvent
	}
	if len(data) > d.bytesLeft {
		return Packet{}, false, ErrAttachments
	}
	d.bytesLeft -= len(data)
	d.missingCount--
	attached := &d.pending.Data.Attachments
	*attached = append(*attached, bytes.Clone(data))
	if d.missingCount > 0 {
		return Packet{}, false, nil
	}
	p := d.pending
	d.pending = Packet{}
	if d.namedCount < len(p.Data.Attachments) {
		p.Data, _ = p.Data.Lookup()
	}
	return p, true, nil
}

// addText reads the text of a packet.
func (d *Decoder) addText(addText []byte) (Packet, bool, error) {
	if !utf8.Valid(addText) {
		return Packet{}, false, errInvalidUTF8
	}
	limits := d.Limits.withDefaults()
	p, attachments, payload, err := d.parseHeader(addText, limits)
	if err != nil {
		return Packet{}, false, err
	}
	if attachments > 0 && d.Allow != nil && !d.Allow(p.Namespace) {
		return Packet{}, false, errNotJoined
	}
	s := scanner{text: payload, depth: limits.MaxDepth, least: limits.MaxDepth, attachments: attachments}
	if err := s.scanPayload(p.Type, limits.MaxEvent); err != nil {
		return Packet{}, false, err
	}
	switch {
	case len(payload) > 0:
		p.Data.JSON = bytes.Clone(payload)
	case p.Type == Ack:
		p.Data.JSON = emptyArray
	}
	if attachments == 0 {
		p.Data = p.Data.markChecked(limits.MaxDepth - s.least)
		return p, true, nil
	}
	d.pending, d.missingCount = p, attachments
	d.bytesLeft, d.namedCount = limits.MaxAttachmentBytes, len(s.marks)
	return Packet{}, false, nil
}

// parseHeader reads the text before the payload:
//
//	type [attachments "-"] [namespace ","] [id]
func (d *Decoder) parseHeader(text []byte, limits Limits) (p Packet, attachments int, rest []byte, err error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return p, 0, nil, errUnknownType
	}
	p.Type, rest = Type(text[0]-'0'), text[1:]
	switch p.Type {
	case ConnectError:
		return p, 0, nil, errUnknownType
	case BinaryEvent, BinaryAck:
		if attachments, rest, err = d.parseAttachmentCount(rest, limits.MaxAttachments); err != nil {
			return p, 0, nil, err
		}
		p.Type = p.Type.withoutBinary()
	}
	p.Namespace = "/"
	if len(rest) > 0 && rest[0] == '/' {
		if rest, err = d.parseNamespace(&p, rest, limits.MaxNamespace); err != nil {
			return p, 0, nil, err
		}
	}
	id, digits, ok := parseDigits(rest, maxID)
	if !ok {
		return p, 0, nil, errMalformedHeader
	}
	// Clients can write digits in any packet; they are an id in two types.
	if digits > 0 && (p.Type == Event || p.Type == Ack) {
		p.ID, p.HasID = id, true
	}
	return p, attachments, rest[digits:], nil
}

// parseAttachmentCount reads the number of attachments of a binary packet. Clients of
// V4 send 0 when the application flags text as binary; the official decoders of V5
// close the session for it.
func (d *Decoder) parseAttachmentCount(text []byte, limit int) (n int, rest []byte, err error) {
	count, digits, ok := parseDigits(text, uint64(limit))
	switch {
	case !ok:
		return 0, nil, ErrAttachments
	case digits == 0, digits == len(text), text[digits] != '-':
		return 0, nil, errMalformedHeader
	case count == 0 && d.Version != V4:
		return 0, nil, errMalformedHeader
	}
	return int(count), text[digits+1:], nil
}

// parseNamespace reads the namespace at the beginning of text. It ends at a comma, or at
// the end of a packet without a payload.
func (d *Decoder) parseNamespace(p *Packet, text []byte, limit int) (rest []byte, err error) {
	name, rest, _ := bytes.Cut(text, []byte{','})
	var query []byte
	if d.Version == V4 {
		name, query, _ = bytes.Cut(name, []byte{'?'})
	}
	if len(name) > limit {
		return nil, errLongNamespace
	}
	if len(name) > 1 && string(name) != d.namespace {
		d.namespace = string(name)
	}
	if len(name) > 1 {
		p.Namespace = d.namespace
	}
	if p.Type == Connect {
		p.Query = string(query)
	}
	return rest, nil
}

// parseDigits reads the digits, if any, at the beginning of text. ok is false if their
// number exceeds limit.
func parseDigits(text []byte, limit uint64) (n uint64, digits int, ok bool) {
	for digits < len(text) && isDigit(text[digits]) {
		n = n*10 + uint64(text[digits]-'0')
		if n > limit {
			return 0, 0, false
		}
		digits++
	}
	return n, digits, true
}

// scanPayload checks the whole text as the payload of a packet of type t.
func (s *scanner) scanPayload(t Type, maxName int) error {
	if len(s.text) == 0 {
		if t == Event {
			return errNoName
		}
		return nil
	}
	s.skipSpace()
	first := s.peek()
	if !s.scanDocument() {
		return s.wrapProblem(ErrData)
	}
	switch {
	case t == Disconnect:
		return errUnexpectedPayload
	case t == Connect && first != '{':
		return errNotObject
	case t != Connect && first != '[':
		return errNotArray
	case t == Event:
		return checkEventName(s.text, maxName)
	}
	return nil
}

// checkEventName checks the first member of a valid array.
func checkEventName(array []byte, limit int) error {
	s := scanner{text: array, depth: maxDepth}
	if !s.openContainer('[') || !s.nextMember(true, ']') || !startsEventName(s.peek()) {
		return errNoName
	}
	if from, to, _ := s.scanMember(); to-from > limit {
		return errLongName
	}
	return nil
}
