package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
)

// emitStream emits each line as it arrives. A stream may last for days, so its emits belong to
// no trace. If the stream breaks off, the incomplete line
// has an error.
func (a *API) emitStream(ctx context.Context, body io.Reader, defaults scope) BatchReply {
	reply := BatchReply{Errors: []BatchError{}}
	var texts objectDecoder
	index := -1
	for line, err := range readLines(body) {
		index++
		line = lenient.TrimText(line)
		if err == nil && len(line) == 0 {
			continue
		}
		n := 0
		if err == nil {
			n, err = a.emitItem(ctx, &texts, line, defaults, nil)
		}
		reply.addItem(index, n, err)
	}
	return reply
}

// abortableBody is a request body that breaks off when a context ends.
type abortableBody struct {
	io.Reader
	ctx  context.Context
	stop func() bool // releases the context
}

// newAbortableBody returns a body that breaks off when ctx ends, also during a Read. The
// caller must call stop when it has read the body.
func newAbortableBody(ctx context.Context, w http.ResponseWriter, body io.Reader) *abortableBody {
	return &abortableBody{body, ctx, context.AfterFunc(ctx, func() {
		// If the writer does not support deadlines, the body has to end by itself.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})}
}

// Read reads from the body. After the context ended, its error is the cause, if one is
// set.
func (b *abortableBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if cause := context.Cause(b.ctx); err != nil && err != io.EOF && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return n, err
}
