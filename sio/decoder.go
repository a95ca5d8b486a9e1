package sio

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// What can be wrong with a packet, beyond its JSON.
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

// maxID is the largest acknowledgement id: the largest integer that a client,
// whose numbers are floating point, counts to.
const maxID = 1<<53 - 1

// Decoder puts the packets of one client together from its Engine.IO
// messages. Its zero value decodes V5 with the default limits. It is used by
// one goroutine at a time, and its fields are set before the first Add.
type Decoder struct {
	// Version is the client's protocol; zero means V5.
	Version Version
	// Limits bounds what a packet may cost.
	Limits Limits
	// Allow is asked, with the namespace's name, before a packet's attachments
	// are waited for, and refuses the packet by returning false. Without it a
	// client that has not been let in anywhere can have the server hold a full
	// set of attachments for it. Nil allows all.
	Allow func(namespace string) bool

	pending      Packet // waits for attachments while missing > 0
	missingCount int    // attachments that are due
	bytesLeft    int    // bytes that they may have
	namedCount   int    // attachments that the payload has a placeholder for

	// namespace is that of the last packet outside "/", kept so that a client
	// that stays in one namespace does not cost a string per packet.
	namespace string
}

// Pending tells whether a packet has come whose attachments are still due. A
// client can leave it at that, so whoever owns the Decoder sets it a deadline.
func (d *Decoder) Pending() bool { return d.missingCount > 0 }

// Add takes the client's next message. It returns complete and the packet once
// its last attachment is in, which is at once for a packet without any. The
// packet's type is one of Connect, Disconnect, Event and Ack: the binary types
// are told by their attachments, and the rest is not for clients to send.
//
// The packet is checked in full: its payload is valid JSON of the kind that
// belongs to the type, an Event has a name, an Ack has an array (an empty one
// where the client sent nothing). Attachments that the payload does not name
// are dropped. What is left to the caller is whether the namespace and the id
// exist and the event's name is not reserved.
//
// Errors wrap ErrPacket. The client is then to be closed: official servers do
// so, and the Decoder has forgotten what was pending. The packet shares no
// memory with m.
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

// addAttachment takes an attachment of the pending packet.
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

// addText takes a packet's text.
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
	s := scanner{text: payload, depth: limits.MaxDepth, attachments: attachments}
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
		return p, true, nil
	}
	d.pending, d.missingCount = p, attachments
	d.bytesLeft, d.namedCount = limits.MaxAttachmentBytes, len(s.marks)
	return Packet{}, false, nil
}

// parseHeader reads what stands before the payload:
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
	// Clients can put digits behind any packet; they mean something with two.
	if digits > 0 && (p.Type == Event || p.Type == Ack) {
		p.ID, p.HasID = id, true
	}
	return p, attachments, rest[digits:], nil
}

// parseAttachmentCount reads how many attachments a binary packet announces. Clients of V4
// announce none when the application calls a text binary; official decoders of
// V5 hang up on that.
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

// parseNamespace reads the namespace that text begins with, up to the comma or, in a
// packet that ends with it, the end.
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

// parseDigits reads the digits that text begins with, maybe none; not ok when they
// are more than limit.
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

// scanPayload reads the whole text as the payload of a packet of type t.
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
