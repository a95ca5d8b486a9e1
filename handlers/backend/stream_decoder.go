package backend

import "bytes"

// streamDecoder splits the bytes of a stream into replies: lines of NDJSON, or the data of
// server-sent events.
type streamDecoder struct {
	isEvents bool
	maxLine  int

	line    []byte // the line whose end is yet to come
	data    []byte // of the event whose end is yet to come, each line with a line feed
	afterCR bool   // the last byte was a carriage return, which ended a line
	begun   bool   // the first line has ended
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// next returns the first reply that ends in p, and the bytes after it. Without one it
// returns no reply and no rest. Empty lines of NDJSON are no replies.
func (d *streamDecoder) next(p []byte) (reply, rest []byte, err error) {
	for len(p) > 0 {
		if d.afterCR && p[0] == '\n' {
			d.afterCR, p = false, p[1:]
			continue
		}
		d.afterCR = false
		end := d.findLineEnd(p)
		if len(d.line)+end > d.maxLine {
			return nil, nil, errStreamLine
		}
		d.line = append(d.line, p[:end]...)
		if end == len(p) {
			break
		}
		d.afterCR = p[end] == '\r'
		p = p[end+1:]
		if reply, err := d.endLine(); reply != nil || err != nil {
			return reply, p, err
		}
	}
	return nil, nil, nil
}

// findLineEnd returns the index of the first end of a line, or the length. A carriage
// return ends a line of events, and is white space in JSON.
func (d *streamDecoder) findLineEnd(p []byte) int {
	ends := "\n"
	if d.isEvents {
		ends = "\r\n"
	}
	if i := bytes.IndexAny(p, ends); i >= 0 {
		return i
	}
	return len(p)
}

// endLine handles a whole line. It returns the reply that it ends, nil if it ends none.
func (d *streamDecoder) endLine() ([]byte, error) {
	line := d.line
	if !d.begun {
		d.begun = true
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if d.isEvents {
		d.line = d.line[:0]
		return d.endEventLine(line)
	}
	if len(bytes.TrimSpace(line)) == 0 {
		d.line = d.line[:0]
		return nil, nil
	}
	d.line = nil // the reply keeps it
	return line, nil
}

// endEventLine handles a whole line of an event, as endLine does.
func (d *streamDecoder) endEventLine(line []byte) ([]byte, error) {
	if len(line) == 0 {
		return d.endEvent(), nil
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	if string(name) != "data" {
		return nil, nil // a comment, or a field without a meaning for replies
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	if len(d.data)+len(value) > d.maxLine {
		return nil, errStreamLine
	}
	d.data = append(append(d.data, value...), '\n')
	return nil, nil
}

// endEvent returns the data of the event, nil if it has none.
func (d *streamDecoder) endEvent() []byte {
	if len(d.data) == 0 {
		return nil
	}
	reply := d.data[:len(d.data)-1]
	d.data = nil // the reply keeps it
	return reply
}

// last returns the reply at the end of the stream: a line without an end. Server-sent
// events end with an empty line.
func (d *streamDecoder) last() ([]byte, error) {
	if !d.isEvents {
		return d.endLine()
	}
	if len(d.data) > 0 || bytes.HasPrefix(d.line, []byte("data")) {
		return nil, errStreamUnended
	}
	return nil, nil
}
