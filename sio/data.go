package sio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"unicode/utf8"
)

// Data is one JSON value that may contain binary values: an argument of an event, or
// the array of all its arguments. The zero Data is no value.
//
// Data is immutable. The results of its methods share its memory, so neither JSON nor
// an attachment may change once the Data is in use.
type Data struct {
	// JSON is the value as text, in UTF-8. Each binary value is a placeholder in it,
	// {"_placeholder":true,"num":N}, where N is an index of Attachments.
	JSON []byte
	// Attachments are the binary values. JSON has one placeholder for each.
	Attachments [][]byte

	checked checked
}

var (
	emptyArray = []byte("[]")
	null       = []byte("null")
)

// CloneText returns d with a copy of its text. The text of an argument is a part of its event,
// which it would keep in memory. Attachments are shared.
func (d Data) CloneText() Data {
	clone := Data{JSON: bytes.Clone(d.JSON), Attachments: d.Attachments}
	if d.isChecked() {
		return clone.markChecked(int(d.checked.depth))
	}
	return clone
}

// newScanner returns a scanner over d that admits placeholders for d's attachments.
func (d Data) newScanner() scanner {
	return scanner{text: d.JSON, depth: maxDepth, least: maxDepth, attachments: len(d.Attachments), trusted: d.isChecked()}
}

// checkValid returns an error unless d is one JSON value with at most one placeholder
// for each attachment, and no other placeholder.
func (d Data) checkValid() error {
	_, _, err := d.markValid()
	return err
}

// markValid checks d. It returns d with the mark of the check, if it has no attachments, and
// the positions of its binary values.
func (d Data) markValid() (Data, []mark, error) {
	if d.isChecked() {
		return d, nil, nil
	}
	s := d.newScanner()
	if s.scanDocument() && !utf8.Valid(d.JSON) {
		s.failWith("invalid UTF-8")
	}
	if s.problem != "" {
		return d, s.marks, s.wrapProblem(ErrData)
	}
	return d.markChecked(maxDepth - s.least), s.marks, nil
}

// findPlaceholders checks d and returns the positions of its binary values.
func (d Data) findPlaceholders() ([]mark, error) {
	_, marks, err := d.markValid()
	return marks, err
}

// extractPart returns the value in d's JSON between from and to as a Data of its own.
// It has the attachments for marks, the placeholders of the value.
func (d Data) extractPart(from, to int, marks []mark) Data {
	text := d.JSON[from:to:to]
	if len(text) == len(d.JSON) && len(marks) == len(d.Attachments) {
		return d
	}
	if len(marks) == 0 {
		return d.markPart(Data{JSON: text})
	}
	inOrder := true
	for i, m := range marks {
		inOrder = inOrder && m.num == i
	}
	if inOrder {
		return Data{JSON: text, Attachments: d.Attachments[:len(marks):len(marks)]}
	}
	out := Data{
		JSON:        make([]byte, 0, len(text)+len(marks)),
		Attachments: make([][]byte, 0, len(marks)),
	}
	out.appendPart(d, from, to, marks)
	return out
}

// appendPart appends to out the text between from and to of d, and the attachments for
// marks, which it renumbers.
func (out *Data) appendPart(d Data, from, to int, marks []mark) {
	for _, m := range marks {
		out.JSON = append(out.JSON, d.JSON[from:m.start]...)
		out.JSON = appendPlaceholder(out.JSON, len(out.Attachments))
		out.Attachments = append(out.Attachments, d.Attachments[m.num])
		from = m.end
	}
	out.JSON = append(out.JSON, d.JSON[from:to]...)
}

// Array returns the JSON array of items with all their attachments. An invalid item
// becomes null: the zero Data, or one with a placeholder that has no attachment.
func Array(items ...Data) Data {
	size, attachments := 2, 0
	for _, item := range items {
		size += len(item.JSON) + 1
		attachments += len(item.Attachments)
	}
	out := Data{JSON: append(make([]byte, 0, size), '[')}
	if attachments > 0 {
		out.Attachments = make([][]byte, 0, attachments)
	}
	depth, all := 0, true
	for i, item := range items {
		if i > 0 {
			out.JSON = append(out.JSON, ',')
		}
		valid, marks, err := item.markValid()
		if err != nil {
			valid, marks = Data{JSON: null}.markChecked(0), nil
		}
		out.appendPart(valid, 0, len(valid.JSON), marks)
		depth, all = max(depth, int(valid.checked.depth)), all && valid.isChecked()
	}
	out.JSON = append(out.JSON, ']')
	if all {
		return out.markChecked(depth + 1)
	}
	return out
}

// EventData returns the payload of the event called name: the array of the name and the
// members of args. Args must be an array, or the zero Data for an event without
// arguments. Errors wrap ErrData.
func EventData(name string, args Data) (Data, error) {
	if !utf8.ValidString(name) {
		return Data{}, fmt.Errorf("%w: event name %q is not UTF-8", ErrData, name)
	}
	members := bytes.TrimSpace(args.JSON)
	if len(members) > 0 {
		last := len(members) - 1
		if last == 0 || members[0] != '[' || members[last] != ']' {
			return Data{}, fmt.Errorf("%w: arguments of event %q are not an array", ErrData, name)
		}
		members = bytes.TrimSpace(members[1:last])
	}
	text := append(make([]byte, 0, len(name)+len(members)+5), '[')
	text = appendQuoted(text, name)
	if len(members) > 0 {
		text = append(append(text, ','), members...)
	}
	out := Data{JSON: append(text, ']'), Attachments: args.Attachments}
	if args.isChecked() {
		return out.markChecked(int(args.checked.depth)), nil
	}
	return out, nil
}

// Size returns the size of the JSON text and of all attachments, in bytes.
func (d Data) Size() int {
	size := len(d.JSON)
	for _, a := range d.Attachments {
		size += len(a)
	}
	return size
}

// Len returns the number of members of an array, and 0 for any other value.
func (d Data) Len() int {
	n := 0
	for range d.Elements() {
		n++
	}
	return n
}

// Members returns the keys of an object, as JSON strings, and their values, in order.
// Any other value has none.
func (d Data) Members() iter.Seq2[Data, Data] {
	return func(yield func(key, value Data) bool) {
		s := d.newScanner()
		if !s.openContainer('{') {
			return
		}
		for first := true; s.nextMember(first, '}'); first = false {
			key, ok := s.scanKey()
			if !ok {
				return
			}
			before := len(s.marks)
			from, to, ok := s.scanMember()
			if !ok || !yield(Data{JSON: key}, d.extractPart(from, to, s.marks[before:])) {
				return
			}
		}
	}
}

// Elements returns the members of an array in order. Any other value has none.
func (d Data) Elements() iter.Seq[Data] {
	return func(yield func(Data) bool) {
		s := d.newScanner()
		if !s.openContainer('[') {
			return
		}
		for first := true; s.nextMember(first, ']'); first = false {
			before := len(s.marks)
			from, to, ok := s.scanMember()
			if !ok || !yield(d.extractPart(from, to, s.marks[before:])) {
				return
			}
		}
	}
}

// IsBinary reports whether the value itself is binary. It is false for an array or
// object that contains binary values.
func (d Data) IsBinary() bool {
	_, ok := d.Bytes()
	return ok
}

// Bytes returns a binary value. It returns false for any other value.
func (d Data) Bytes() ([]byte, bool) {
	if len(d.Attachments) == 0 {
		return nil, false
	}
	text := bytes.TrimSpace(d.JSON)
	s := Data{JSON: text, Attachments: d.Attachments}.newScanner()
	if !s.scanDocument() || len(s.marks) != 1 || s.marks[0].start != 0 || s.marks[0].end != len(text) {
		return nil, false
	}
	return d.Attachments[s.marks[0].num], true
}

// Text returns the value as plain text. A string is its own text, null and no value are
// empty, and a binary value is base64 (RFC 4648, padded). Any other value is compact
// JSON, with binary values as {"$binary":"BASE64"}. Lone surrogates of a string become
// U+FFFD, see [Data.HasLoneSurrogate].
func (d Data) Text() string {
	text := bytes.TrimSpace(d.JSON)
	if len(text) > 1 && text[0] == '"' {
		return unquoteJSON(text)
	}
	if string(text) == "null" {
		return ""
	}
	if b, ok := d.Bytes(); ok {
		return base64.StdEncoding.EncodeToString(b)
	}
	return d.String()
}

// String returns the value as compact JSON, with binary values as
// {"$binary":"BASE64"}. The zero Data and an invalid one give "".
func (d Data) String() string {
	if len(d.JSON) == 0 {
		return ""
	}
	text, err := d.MarshalJSON()
	if err != nil {
		return ""
	}
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil {
		return ""
	}
	return compact.String()
}

// appendQuoted appends text, which is valid UTF-8, as a JSON string, as JavaScript's
// JSON.stringify writes it.
func appendQuoted(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}
