package sio

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Encode returns the packet as one message for any number of clients of protocol v. With
// compress, transports may compress it. An Event or Ack with attachments becomes a
// BINARY_EVENT or BINARY_ACK; an Ack without data has no arguments. The message keeps
// the attachments, which must not change.
//
// The bytes are as the official encoders write them. V4 and V5 differ only in the Query
// of a client's Connect. Encode rejects packets that would make a client close its
// connection, with an error that wraps ErrPacket:
//
//   - a namespace without a slash or with a comma,
//   - an event or ack that is not an array,
//   - invalid JSON or UTF-8,
//   - more than [MaxAttachments] attachments, or placeholders that do not match them.
func (p Packet) Encode(v Version, compress bool) (*eio.Message, error) {
	p.Type = p.Type.withoutBinary()
	if p.Type == Ack && len(p.Data.JSON) == 0 {
		p.Data.JSON = emptyArray
	}
	if err := p.checkEncodable(); err != nil {
		return nil, fmt.Errorf("%w: encode %v: %w", ErrPacket, p.Type, err)
	}
	return eio.NewMessage(p.encodeText(v), p.Data.Attachments, compress), nil
}

// checkEncodable returns an error if the packet, of a text type, must not be sent. It
// scans the whole payload once for all receivers, because the payload may come from Go
// code or from another node.
func (p Packet) checkEncodable() error {
	if p.Namespace != "" && p.Namespace[0] != '/' || strings.Contains(p.Namespace, ",") {
		return fmt.Errorf("namespace %q", p.Namespace)
	}
	if !utf8.ValidString(p.Namespace) {
		return errInvalidUTF8
	}
	if len(p.Data.Attachments) > MaxAttachments {
		return ErrAttachments
	}
	s := p.Data.newScanner()
	switch p.Type {
	case Event, Ack:
		if !s.openContainer('[') {
			return errNotArray
		}
		if p.Type == Event && (!s.nextMember(true, ']') || !startsEventName(s.peek())) {
			return errNoName
		}
	case Connect, Disconnect, ConnectError:
		if len(p.Data.Attachments) > 0 {
			return errUnexpectedAttachments
		}
		if len(p.Data.JSON) == 0 {
			return nil
		}
	default:
		return errUnknownType
	}
	return p.Data.checkValid()
}

// encodeText returns the text of the packet, without the Engine.IO type.
func (p Packet) encodeText(v Version) []byte {
	namespace, typ := cmp.Or(p.Namespace, "/"), p.Type
	text := make([]byte, 0, len(namespace)+len(p.Query)+len(p.Data.JSON)+len(p.Offset)+32)
	if n := len(p.Data.Attachments); n > 0 {
		text = append(text, '0'+byte(typ+BinaryEvent-Event))
		text = append(strconv.AppendInt(text, int64(n), 10), '-')
	} else {
		text = append(text, '0'+byte(typ))
	}
	query := v == V4 && typ == Connect && p.Query != ""
	if query || namespace != "/" {
		text = append(text, namespace...)
		if query {
			text = append(append(text, '?'), p.Query...)
		}
		text = append(text, ',')
	}
	if p.HasID {
		text = strconv.AppendUint(text, p.ID, 10)
	}
	text = append(text, p.Data.JSON...)
	if p.Offset != "" {
		text = append(append(append(text[:len(text)-1], `,"`...), p.Offset...), `"]`...)
	}
	return text
}
