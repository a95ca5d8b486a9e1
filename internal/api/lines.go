package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine is the maximum size of a stream's line in bytes.
const maxLine = 1 << 20

var errLongLine = fmt.Errorf("line: longer than %d bytes", maxLine)

// readLines iterates over the lines of a stream, with or without their line ends. A line
// that is too long is skipped, with errLongLine in its place. Any other error is the
// last: it stands for a line that could not be read to its end. The next line overwrites
// the bytes of a line.
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
					yield(line, nil) // the last line needs no line end
				}
				return
			default:
				yield(nil, fmt.Errorf("body: the stream broke off: %w", err))
				return
			}
		}
	}
}

// lineReader reads the lines of a stream, up to their maximum size.
type lineReader struct {
	in  *bufio.Reader
	buf []byte // of a line that is larger than the buffer of in
}

// readLine reads a line. With io.EOF it is the last, without a line end.
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
