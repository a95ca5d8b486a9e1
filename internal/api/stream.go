package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
)

// emitStream emits each line as it arrives. A stream that breaks off is an error of the
// line that it breaks off in.
func (a *API) emitStream(ctx context.Context, body io.Reader, defaults scope) BatchReply {
	reply := BatchReply{Errors: []BatchError{}}
	var texts decoder
	index := -1
	for line, err := range lines(body) {
		index++
		line = lenient.TrimText(line)
		if err == nil && len(line) == 0 {
			continue
		}
		n := 0
		if err == nil {
			n, err = a.emitText(ctx, &texts, line, defaults)
		}
		reply.add(index, n, err)
	}
	return reply
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
