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
	errType       = errors.New("unknown type")
	errUTF8       = errors.New("invalid UTF-8")
	errHeader     = errors.New("malformed header")
	errNamespace  = errors.New("namespace too long")
	errNotJoined  = errors.New("attachments for a namespace that is not joined")
	errPending    = errors.New("text while attachments are due")
	errNoEvent    = errors.New("binary message without an event")
	errNoArray    = errors.New("payload is no array")
	errNoObject   = errors.New("payload is no object")
	errNoName     = errors.New("event without a name")
	errLongName   = errors.New("event name too long")
	errPayload    = errors.New("payload where none belongs")
	errNotBinary  = errors.New("attachments where none belong")
	errNotMessage = errors.New("not an engine.io message")
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

	pending Packet // waits for attachments while missing > 0
	missing int    // attachments that are due
	room    int    // bytes that they may have
	named   int    // attachments that the payload has a placeholder for

	// namespace is that of the last packet outside "/", kept so that a client
	// that stays in one namespace does not cost a string per packet.
	namespace string
}

// Pending tells whether a packet has come whose attachments are still due. A
// client can leave it at that, so whoever owns the Decoder sets it a deadline.
func (d *Decoder) Pending() bool { return d.missing > 0 }

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
		p, complete, err = d.attachment(m.Data)
	case d.missing > 0:
		err = errPending
	default:
		p, complete, err = d.text(m.Data)
	}
	if err != nil {
		d.pending, d.missing = Packet{}, 0
		return Packet{}, false, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return p, complete, nil
}

// attachment takes an attachment of the pending packet.
func (d *Decoder) attachment(data []byte) (Packet, bool, error) {
	if d.missing == 0 {
		return Packet{}, false, errNoEvent
	}
	if len(data) > d.room {
		return Packet{}, false, ErrAttachments
	}
	d.room -= len(data)
	d.missing--
	attached := &d.pending.Data.Attachments
	*attached = append(*attached, bytes.Clone(data))
	if d.missing > 0 {
		return Packet{}, false, nil
	}
	p := d.pending
	d.pending = Packet{}
	if d.named < len(p.Data.Attachments) {
		p.Data, _ = p.Data.Lookup()
	}
	return p, true, nil
}

// text takes a packet's text.
func (d *Decoder) text(text []byte) (Packet, bool, error) {
	if !utf8.Valid(text) {
		return Packet{}, false, errUTF8
	}
	limits := d.Limits.orDefault()
	p, attachments, payload, err := d.header(text, limits)
	if err != nil {
		return Packet{}, false, err
	}
	if attachments > 0 && d.Allow != nil && !d.Allow(p.Namespace) {
		return Packet{}, false, errNotJoined
	}
	s := scanner{text: payload, depth: limits.MaxDepth, attachments: attachments}
	if err := s.payload(p.Type, limits.MaxEvent); err != nil {
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
	d.pending, d.missing = p, attachments
	d.room, d.named = limits.MaxAttachmentBytes, len(s.marks)
	return Packet{}, false, nil
}

// header reads what stands before the payload:
//
//	type [attachments "-"] [namespace ","] [id]
func (d *Decoder) header(text []byte, limits Limits) (p Packet, attachments int, rest []byte, err error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return p, 0, nil, errType
	}
	p.Type, rest = Type(text[0]-'0'), text[1:]
	switch p.Type {
	case ConnectError:
		return p, 0, nil, errType
	case BinaryEvent, BinaryAck:
		if attachments, rest, err = d.count(rest, limits.MaxAttachments); err != nil {
			return p, 0, nil, err
		}
		p.Type = p.Type.text()
	}
	p.Namespace = "/"
	if len(rest) > 0 && rest[0] == '/' {
		if rest, err = d.name(&p, rest, limits.MaxNamespace); err != nil {
			return p, 0, nil, err
		}
	}
	id, digits, ok := number(rest, maxID)
	if !ok {
		return p, 0, nil, errHeader
	}
	// Clients can put digits behind any packet; they mean something with two.
	if digits > 0 && (p.Type == Event || p.Type == Ack) {
		p.ID, p.HasID = id, true
	}
	return p, attachments, rest[digits:], nil
}

// count reads how many attachments a binary packet announces. Clients of V4
// announce none when the application calls a text binary; official decoders of
// V5 hang up on that.
func (d *Decoder) count(text []byte, limit int) (n int, rest []byte, err error) {
	count, digits, ok := number(text, uint64(limit))
	switch {
	case !ok:
		return 0, nil, ErrAttachments
	case digits == 0, digits == len(text), text[digits] != '-':
		return 0, nil, errHeader
	case count == 0 && d.Version != V4:
		return 0, nil, errHeader
	}
	return int(count), text[digits+1:], nil
}

// name reads the namespace that text begins with, up to the comma or, in a
// packet that ends with it, the end.
func (d *Decoder) name(p *Packet, text []byte, limit int) (rest []byte, err error) {
	name, rest, _ := bytes.Cut(text, []byte{','})
	var query []byte
	if d.Version == V4 {
		name, query, _ = bytes.Cut(name, []byte{'?'})
	}
	if len(name) > limit {
		return nil, errNamespace
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

// number reads the digits that text begins with, maybe none; not ok when they
// are more than limit.
func number(text []byte, limit uint64) (n uint64, digits int, ok bool) {
	for digits < len(text) && isDigit(text[digits]) {
		n = n*10 + uint64(text[digits]-'0')
		if n > limit {
			return 0, 0, false
		}
		digits++
	}
	return n, digits, true
}

// payload reads the whole text as the payload of a packet of type t.
func (s *scanner) payload(t Type, maxName int) error {
	if len(s.text) == 0 {
		if t == Event {
			return errNoName
		}
		return nil
	}
	s.space()
	first := s.peek()
	if !s.document() {
		return s.failure(ErrData)
	}
	switch {
	case t == Disconnect:
		return errPayload
	case t == Connect && first != '{':
		return errNoObject
	case t != Connect && first != '[':
		return errNoArray
	case t == Event:
		return eventName(s.text, maxName)
	}
	return nil
}

// eventName checks the first member of a valid array.
func eventName(array []byte, limit int) error {
	s := scanner{text: array, depth: maxDepth}
	if !s.enter('[') || !s.more(true, ']') || !isName(s.peek()) {
		return errNoName
	}
	if from, to, _ := s.member(); to-from > limit {
		return errLongName
	}
	return nil
}
