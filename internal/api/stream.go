package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
)

// Streamed answers a stream of emits.
type Streamed struct {
	// Emits is the number of lines that were emitted, Delivered the sum of
	// sockets of this process that they were queued for.
	Emits     int `json:"emits"`
	Delivered int `json:"delivered"`
	// Errors are the first lines that were wrong. The others were emitted.
	Errors []LineError `json:"errors"`
	// MoreErrors is the number of lines that were wrong and are not in Errors.
	MoreErrors int `json:"more_errors,omitempty"`
}

// LineError says what is wrong with a line.
type LineError struct {
	// Line is the line's number, from 1.
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// emitStream emits each line as it arrives. A stream that breaks off is an error
// of the line that it breaks off in.
func (a *API) emitStream(ctx context.Context, body io.Reader, defaults scope) Streamed {
	var sum Streamed
	var texts decoder
	failed := told[LineError]{errors: []LineError{}}
	number := 0
	for line, err := range lines(body) {
		number++
		line = lenient.Trim(line)
		if err == nil && len(line) == 0 {
			continue
		}
		n := 0
		if err == nil {
			n, err = a.emitText(ctx, &texts, line, defaults)
		}
		if err != nil {
			failed.add(LineError{Line: number, Error: err.Error()})
			continue
		}
		sum.Emits++
		sum.Delivered += n
	}
	sum.Errors, sum.MoreErrors = failed.errors, failed.more
	return sum
}

// endingBody is a body that breaks off when a context ends.
type endingBody struct {
	io.Reader
	ctx  context.Context
	stop func() bool // lets go of the context
}

// until returns a body that breaks off when ctx ends, also while it is read.
func until(ctx context.Context, w http.ResponseWriter, body io.Reader) *endingBody {
	return &endingBody{body, ctx, context.AfterFunc(ctx, func() {
		// Where the writer knows no deadlines the body has to end by itself.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})}
}

// Read reads. The error tells why the context ended, when that is known.
func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if cause := context.Cause(b.ctx); err != nil && err != io.EOF && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return n, err
}
