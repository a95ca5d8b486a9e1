package sio

import (
	"bytes"
	"math"
)

// checked is the result of a check of a Data without attachments: its text is one JSON value
// in UTF-8, without placeholders. The zero value says nothing.
//
// It holds for the checked text alone, wherever the Data is copied: the mark of a Data whose
// JSON was replaced does not fit. Text that is changed in place would be passed on unchecked,
// as the doc of Data forbids.
type checked struct {
	first *byte // of the text
	size  int32
	depth int32 // no array or object is nested deeper
}

// markChecked returns d with the mark of a check that found no array or object nested deeper
// than depth.
func (d Data) markChecked(depth int) Data {
	if len(d.Attachments) == 0 && len(d.JSON) > 0 && len(d.JSON) <= math.MaxInt32 && depth <= maxDepth {
		d.checked = checked{&d.JSON[0], int32(len(d.JSON)), int32(depth)}
	}
	return d
}

// isChecked reports whether d was checked, and has no attachments.
func (d *Data) isChecked() bool {
	return d.checked.first != nil && len(d.Attachments) == 0 && len(d.JSON) == int(d.checked.size) && &d.JSON[0] == d.checked.first
}

// markPart returns a part of d with the mark of d.
func (d *Data) markPart(part Data) Data {
	if d.isChecked() {
		return part.markChecked(int(d.checked.depth))
	}
	return part
}

// skipString moves past a string of checked text.
func (s *scanner) skipString() {
	for s.pos++; ; {
		i := bytes.IndexByte(s.text[s.pos:], '"')
		s.pos += i + 1
		escapes := 0
		for s.text[s.pos-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return
		}
	}
}
