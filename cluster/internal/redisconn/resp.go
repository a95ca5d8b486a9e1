package redisconn

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a reply. The client library allocates a string or a list as soon as it has
// read the length.
const (
	maxBulk     = 512 << 20 // bytes of a string, as in Redis itself
	maxLine     = 64 << 10  // bytes of an error, a status or a number
	maxDepth    = 16        // lists in lists
	maxElements = 1 << 20   // of all lists of a reply
	maxText     = 512       // bytes of a text that are kept
)

// commandReader finds the commands in the written bytes. A command is an array of strings.
type commandReader struct {
	onCommand func(name, first string, args int)

	line  []byte    // the beginning of an incomplete header
	args  int       // number of words of the command
	arg   int       // index of the current word
	left  int       // bytes of the word and its line end that are still to come
	words [2][]byte // the first words
}

// scanCommands reads the next bytes.
func (r *commandReader) scanCommands(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			if text := min(n, r.left-2); r.arg < len(r.words) && text > 0 && len(r.words[r.arg]) < maxText {
				r.words[r.arg] = append(r.words[r.arg], p[:text]...)
			}
			p = p[n:]
			if r.left -= n; r.left == 0 {
				r.endArg()
			}
			continue
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			r.line = append(r.line, p...)
			return
		}
		r.line = append(r.line, p[:i]...)
		p = p[i+1:]
		n, _ := strconv.Atoi(strings.TrimSuffix(string(r.line[1:]), "\r"))
		if r.line[0] == '*' {
			r.args, r.arg = n, 0
			r.words[0], r.words[1] = r.words[0][:0], r.words[1][:0]
		} else {
			r.left = n + 2
		}
		r.line = r.line[:0]
	}
}

// endArg ends a word, and passes on a complete command.
func (r *commandReader) endArg() {
	if r.arg++; r.arg == r.args {
		r.onCommand(string(bytes.ToUpper(r.words[0])), string(r.words[1]), r.args)
	}
}

// reply describes one reply or push of a Redis.
type reply struct {
	kind   byte      // the first byte
	count  int       // elements of a list
	text   []byte    // the beginning of a reply that is not a list
	words  [2][]byte // the beginnings of a list's first elements
	spaces int       // in the third element
}

// isList reports whether the reply is a list, map, set or push.
func (r *reply) isList() bool {
	return r.kind == '*' || r.kind == '~' || r.kind == '%' || r.kind == '>'
}

// isError reports whether the reply is an error.
func (r *reply) isError() bool { return r.kind == '-' || r.kind == '!' }

// replyReader checks the format of the bytes read, and passes each reply to onReply.
type replyReader struct {
	onReply func(*reply) error

	reply    reply
	kind     byte   // of the current element; 0 before it
	text     []byte // of the current header or string
	size     int    // bytes of the text so far
	spaces   int    // in the text
	left     int    // bytes of the string and its line end that are still to come
	depth    int    // lists around the element
	counts   [maxDepth]int
	elements int // of all lists of the reply
	index    int // of the element in the outermost list
}

// Errors of malformed replies.
var (
	errUnknownType           = errors.New("unknown type")
	errUnterminatedLine      = errors.New("a line without an end")
	errMalformedNumber       = errors.New("a malformed number")
	errLengthOutOfRange      = errors.New("a length out of range")
	errTooDeep               = errors.New("too many lists in lists")
	errUnterminatedString    = errors.New("a string without an end")
	errIncompleteRedirection = errors.New("a redirection to nowhere")
	errNestedPush            = errors.New("a push in a list")
)

// scanReplies reads the next bytes. With an error it returns how many of them the client
// library may read; they do not complete the wrong reply.
func (r *replyReader) scanReplies(p []byte) (good int, err error) {
	for at := 0; at < len(p); {
		n, err := r.scanPart(p[at:])
		if err != nil {
			return at, err
		}
		at += n
	}
	return len(p), nil
}

// scanPart reads as much as possible of one header or string.
func (r *replyReader) scanPart(p []byte) (n int, err error) {
	if r.kind == 0 {
		return 1, r.beginElement(p[0])
	}
	if r.left > 0 {
		return r.readString(p)
	}
	end := bytes.IndexByte(p, '\n')
	n = end + 1
	if end < 0 {
		n, end = len(p), len(p)
	}
	r.keepText(p[:end])
	switch {
	case r.size > maxLine:
		return 0, errUnterminatedLine
	case n > end: // the line is complete
		return n, r.endLine()
	}
	return n, nil
}

// beginElement begins an element.
func (r *replyReader) beginElement(kind byte) error {
	if strings.IndexByte("+-:_,#$!=(*%~>", kind) < 0 {
		return fmt.Errorf("%w %q", errUnknownType, kind)
	}
	if kind == '>' && r.depth > 0 {
		return errNestedPush
	}
	r.kind, r.text, r.size, r.spaces = kind, r.text[:0], 0, 0
	if r.depth == 0 {
		r.elements, r.index = 0, 0
		r.reply = reply{kind: kind, words: [2][]byte{r.reply.words[0][:0], r.reply.words[1][:0]}}
	}
	return nil
}

// keepText appends to the text, up to maxText.
func (r *replyReader) keepText(p []byte) {
	r.size += len(p)
	if free := maxText - len(r.text); free > 0 {
		r.text = append(r.text, p[:min(free, len(p))]...)
	}
}

// readString reads a part of a string.
func (r *replyReader) readString(p []byte) (n int, err error) {
	n = min(r.left, len(p))
	text := p[:max(0, min(n, r.left-2))]
	if r.depth == 1 && r.index == 2 {
		r.spaces += bytes.Count(text, []byte(" "))
	}
	r.keepText(text)
	for i := len(text); i < n; i++ {
		if want := "\r\n"[2-(r.left-i)]; p[i] != want {
			return 0, errUnterminatedString
		}
	}
	if r.left -= n; r.left > 0 {
		return n, nil
	}
	return n, r.endElement(r.text)
}

// endLine reads a complete line: an element, or the header of one.
func (r *replyReader) endLine() error {
	switch r.kind {
	case '+', '-', ',', '(':
		if r.size == 0 {
			return errUnterminatedLine
		}
		return r.endElement(bytes.TrimSuffix(r.text, []byte("\r")))
	}
	line, ok := bytes.CutSuffix(r.text, []byte("\r"))
	if !ok || r.kind == '_' && len(line) > 0 || r.kind == '#' && string(line) != "t" && string(line) != "f" {
		return errUnterminatedLine
	}
	if r.kind == '_' || r.kind == '#' {
		return r.endElement(nil)
	}
	number, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || line[0] == '+' {
		return errMalformedNumber
	}
	if r.kind == ':' {
		return r.endElement(nil)
	}
	return r.beginPart(number)
}

// beginPart begins a string or a list of the given length.
func (r *replyReader) beginPart(length int64) error {
	if length == -1 && (r.kind == '$' || r.kind == '*') {
		r.markNull()
		return r.endElement(nil)
	}
	isString := r.kind == '$' || r.kind == '!' || r.kind == '='
	switch {
	case length < 0 || isString && length > maxBulk || !isString && length > maxElements:
		return errLengthOutOfRange
	case isString:
		r.left, r.text, r.size = int(length)+2, r.text[:0], 0
		return nil
	}
	count := int(length)
	if r.kind == '%' {
		count *= 2
	}
	if r.elements += count; r.elements > maxElements {
		return errLengthOutOfRange
	}
	if r.depth == 0 {
		r.reply.count = count
	}
	if count == 0 {
		return r.endElement(nil)
	}
	if r.depth == maxDepth {
		return errTooDeep
	}
	r.counts[r.depth] = count
	r.depth++
	r.kind = 0
	return nil
}

// markNull makes a null reply one that is not a list.
func (r *replyReader) markNull() {
	if r.depth == 0 {
		r.reply.kind = '_'
	}
}

// endElement ends an element, and the lists that end with it.
func (r *replyReader) endElement(text []byte) error {
	if (r.kind == '-' || r.kind == '!') && !isCompleteError(string(text)) {
		return errIncompleteRedirection
	}
	r.kind = 0
	if r.depth == 0 {
		r.reply.text = text
		return r.onReply(&r.reply)
	}
	if r.depth == 1 {
		if r.index < len(r.reply.words) {
			r.reply.words[r.index] = append(r.reply.words[r.index], text...)
		} else if r.index == 2 {
			r.reply.spaces = r.spaces
		}
		r.index++
	}
	for r.depth > 0 {
		if r.counts[r.depth-1]--; r.counts[r.depth-1] > 0 {
			return nil
		}
		if r.depth--; r.depth == 1 {
			r.index++
		}
	}
	return r.onReply(&r.reply)
}

// isCompleteError reports whether an error of Redis has the words that its first word
// requires: the client library reads them without a check.
func isCompleteError(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	spaces := strings.Count(text, " ")
	switch {
	case strings.HasPrefix(text, "MOVED"), strings.HasPrefix(text, "ASK"):
		return spaces >= 2
	case strings.HasPrefix(text, "REDIRECT"):
		return spaces >= 1
	}
	return true
}
