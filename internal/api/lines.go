package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine is how many bytes a line of a stream may have.
const maxLine = 1 << 20

var errLongLine = fmt.Errorf("line: longer than %d bytes", maxLine)

// readLines ranges over the lines of a stream, each without or with its end. One that
// is too long is skipped, with errLongLine in its place. Another error is the last:
// it says why the line that it stands for could not be read to its end. Lines are
// overwritten by the next.
func readLines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		l := lineReader{in: bufio.NewReaderSize(r, 64<<10)}
		for {
			line, err := l.readLine()
			switch {
			case err == nil || err == errLongLine:
				if !yield(line, err) {
					return
				}
			case err == io.EOF:
				if len(line) > 0 {
					yield(line, nil) // the last one needs no end
				}
				return
			default:
				yield(nil, fmt.Errorf("body: the stream broke off: %w", err))
				return
			}
		}
	}
}

type lineReader struct {
	in  *bufio.Reader
	buf []byte // a line that is larger than in's buffer
}

// readLine reads a line. With io.EOF it is the last, without an end.
func (l *lineReader) readLine() ([]byte, error) {
	part, err := l.in.ReadSlice('\n')
	if err == nil || err == io.EOF {
		return part, err
	}
	l.buf = append(l.buf[:0], part...)
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		part, err = l.in.ReadSlice('\n')
		if long = long || len(l.buf)+len(part) > maxLine; !long {
			l.buf = append(l.buf, part...)
		}
	}
	if long && (err == nil || err == io.EOF) {
		return nil, errLongLine
	}
	return l.buf, err
}
