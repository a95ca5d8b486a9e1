package sio

import (
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Outside of Socket.IO's wire format a binary value is an object with one member,
// {"$binary":"BASE64"}, in standard base64 with padding (RFC 4648).

// newBinaryData returns a binary value.
func newBinaryData(b []byte) Data {
	return Data{JSON: appendPlaceholder(nil, 0), Attachments: [][]byte{b}}
}

// MarshalJSON returns the value as JSON text in which each binary value is
// {"$binary":"BASE64"}. The zero Data is null. The error for an invalid Data wraps
// ErrData.
func (d Data) MarshalJSON() ([]byte, error) {
	if len(d.JSON) == 0 {
		return null, nil
	}
	return d.renderBinary(func(dst, b []byte) []byte {
		dst = append(dst, `{"$binary":`...)
		return append(appendBase64(dst, b), '}')
	})
}

// appendBase64 appends bytes as a JSON string of base64.
func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// renderBinary returns the JSON text with each placeholder replaced by binary.
func (d Data) renderBinary(binary func(dst, b []byte) []byte) ([]byte, error) {
	marks, err := d.findPlaceholders()
	if err != nil {
		return nil, err
	}
	if len(marks) == 0 {
		return d.JSON, nil
	}
	out, from := make([]byte, 0, len(d.JSON)+d.Size()*4/3), 0
	for _, m := range marks {
		out = append(out, d.JSON[from:m.start]...)
		out = binary(out, d.Attachments[m.num])
		from = m.end
	}
	return append(out, d.JSON[from:]...), nil
}

// UnmarshalJSON reads JSON text in which each binary value is {"$binary":"BASE64"}. An
// object with that key alone must be such a value. An object with a true
// "_placeholder" is an error, because clients take it for a binary value. So is text
// nested deeper than the default of [Limits]. Errors wrap ErrData. The text is copied.
func (d *Data) UnmarshalJSON(text []byte) error {
	s := scanner{text: text, depth: DefaultLimits.MaxDepth, least: DefaultLimits.MaxDepth, markDollars: true}
	if s.scanDocument() && !utf8.Valid(text) {
		s.failWith("invalid UTF-8")
	}
	if err := s.wrapProblem(ErrData); err != nil {
		return err
	}
	in, out := Data{JSON: text}, Data{}
	for _, m := range s.marks {
		b, err := decodeDollarBinary(text[m.start:m.end])
		if err != nil {
			return fmt.Errorf("%w: $binary at byte %d of the JSON text: %w", ErrData, m.start, err)
		}
		in.Attachments = append(in.Attachments, b)
	}
	out.appendPart(in, 0, len(text), s.marks)
	*d = out.markChecked(DefaultLimits.MaxDepth - s.least)
	return nil
}

// decodeDollarBinary returns the bytes of an object whose only key is $binary.
func decodeDollarBinary(object []byte) ([]byte, error) {
	s := scanner{text: object, depth: maxDepth}
	s.openContainer('{')
	s.nextMember(true, '}')
	s.scanKey()
	from, to, _ := s.scanMember()
	if object[from] != '"' {
		return nil, errors.New("not a string")
	}
	return base64.StdEncoding.DecodeString(unquoteJSON(object[from:to]))
}
