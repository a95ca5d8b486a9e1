package api

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// What bounds a stream.
const (
	maxLine   = 1 << 20 // bytes of one emit
	maxErrors = 100     // that are told
)

// Streamed answers a stream of emits.
type Streamed struct {
	// Emits is the number of lines that were emitted, Delivered the sum of
	// sockets of this process that they were queued for.
	Emits     int `json:"emits"`
	Delivered int `json:"delivered"`
	// Errors are the first lines that were wrong. The others were emitted.
	Errors []LineError `json:"errors"`
}

// LineError says what is wrong with a line.
type LineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// emitStream emits each line as it arrives.
func (a *API) emitStream(w http.ResponseWriter, r *http.Request) (any, error) {
	// The stream may last longer than requests do. Where the writer knows no
	// deadlines there are none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	sum := Streamed{Errors: []LineError{}}
	query := r.URL.Query()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		delivered, err := a.emitLine(r, line, query)
		if err != nil {
			sum.fail(n, err)
			continue
		}
		sum.Emits++
		sum.Delivered += delivered
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Message: "a line is longer than 1 MiB; those before it were emitted"}
	}
	return sum, nil
}

func (a *API) emitLine(r *http.Request, line []byte, query url.Values) (int, error) {
	e := new(Emit)
	if err := decode(bytes.NewReader(line), e); err != nil {
		return 0, err
	}
	if err := e.check(query); err != nil {
		return 0, err
	}
	if e.Ack != nil {
		return 0, badRequest("ack: a stream waits for nobody")
	}
	d, err := a.emitOne(r.Context(), e)
	return d.Delivered, err
}

func (s *Streamed) fail(line int, err error) {
	if len(s.Errors) < maxErrors {
		s.Errors = append(s.Errors, LineError{Line: line, Error: err.Error()})
	}
}
