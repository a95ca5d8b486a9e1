package backend

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// call is the request for one event, with its reply or its streamed replies. Two
// goroutines work for it: the one of the event, which applies replies, and the one of the
// request.
type call struct {
	// Static after construction.
	handler *Handler
	ev      *hub.Event
	ctx     context.Context
	cancel  context.CancelCauseFunc
	// requestCtx is the context of the request: ctx, but the one of a connect event does not
	// end when the client leaves.
	requestCtx context.Context
	endRequest context.CancelFunc
	timeout    *time.Timer        // ends ctx, unless a stream has begun
	result     chan requestResult // buffered, never closed
	// streaming is closed when a stream begins. replies are the ones of the stream; never
	// closed.
	streaming chan struct{}
	replies   chan []byte
	// slotUsers are the goroutines that hold the slot.
	slotUsers atomic.Int32
	// reserved is how many bytes the event's connection is charged for the request and its
	// reply, until the slot is released.
	reserved atomic.Int64

	// Owned by the goroutine of the event.
	began      time.Time
	replyTime  time.Duration // until the reply, or the beginning of a stream; 0 before
	applied    int           // replies of the stream so far
	hasUnknown bool          // a reply had unknown keys
}

// requestResult is the outcome of one request. It has no reply after a stream.
type requestResult struct {
	reply *reply
	err   error
}

// newCall returns the call of an event. The caller calls the function at its end.
func (b *Handler) newCall(ctx context.Context, ev *hub.Event) (c *call, end func()) {
	ctx, endInterrupt := ev.WithInterrupt(ctx, b.stream.Cancel...)
	ctx, cancel := context.WithCancelCause(ctx)
	c = &call{
		handler: b, ev: ev, ctx: ctx, cancel: cancel, began: time.Now(),
		result: make(chan requestResult, 1), streaming: make(chan struct{}), replies: make(chan []byte),
	}
	c.timeout = time.AfterFunc(time.Duration(b.Timeout), func() { cancel(errTimeout) })
	c.requestCtx, c.endRequest = ctx, func() {}
	if c.isConnect() {
		// A client that connects and leaves, again and again, could otherwise have the
		// application work on more requests than there are slots.
		c.requestCtx, c.endRequest = context.WithTimeoutCause(context.WithoutCancel(ctx), time.Duration(b.Timeout), errTimeout)
	}
	return c, func() {
		c.timeout.Stop()
		cancel(nil)
		endInterrupt()
	}
}

// isConnect reports whether the event is the one of a socket that connects.
func (c *call) isConnect() bool { return c.ev.Type == hub.Connect }

// isLast reports whether the event is one of the last of a socket.
func (c *call) isLast() bool { return c.ev.Type == hub.Disconnecting || c.ev.Type == hub.Disconnect }

// perform sends the event and applies the reply, or the replies of a stream as they
// arrive. While it waits for a slot, it holds nothing but the event.
func (c *call) perform() error {
	b := c.handler
	if err := b.acquireSlot(c.ctx, c.ev); err != nil {
		c.endRequest()
		return err
	}
	c.slotUsers.Store(2)
	defer c.releaseSlot()
	// The goroutine ends when the handlers return. Some ignore the end of ctx, like
	// FastCGI.
	spawn.Go(b.log, "backend request", c.runRequest, nil)
	select {
	case r := <-c.result:
		return c.applyResult(r)
	case <-c.streaming:
		c.replyTime = time.Since(c.began)
		return c.applyStream()
	case <-c.ctx.Done():
	}
	if c.isConnect() && context.Cause(c.ctx) != errTimeout {
		return context.Cause(c.ctx) // the client has left, and the request goes on
	}
	timer := time.NewTimer(returnGrace)
	defer timer.Stop()
	select {
	case r := <-c.result:
		return c.applyResult(r)
	case <-timer.C:
		return context.Cause(c.ctx)
	}
}

// cancelGrace is how long a canceled request keeps its slot: the application may notice late
// that the client has left, or work on.
const cancelGrace = time.Second

// endSlotUse ends the request's use of the slot, a little later if it was canceled before the
// application responded.
func (c *call) endSlotUse(r requestResult) {
	cause := context.Cause(c.requestCtx)
	c.endRequest()
	if r.err != nil && cause != nil && cause != errTimeout && !c.hasStreamed() {
		time.AfterFunc(cancelGrace, c.releaseSlot)
		return
	}
	c.releaseSlot()
}

// hasStreamed reports whether a stream has begun. Its application notices the end of the
// request when it writes.
func (c *call) hasStreamed() bool {
	select {
	case <-c.streaming:
		return true
	default:
		return false
	}
}

// releaseSlot frees the slot when the request has ended and its reply is applied. So with
// a concurrency of 1, replies to different sockets take effect in the order of the
// requests.
func (c *call) releaseSlot() {
	if c.slotUsers.Add(-1) == 0 {
		c.ev.Release(int(c.reserved.Swap(0)))
		<-c.handler.slots
	}
}

// reserve charges the event's connection for n bytes of the request or its reply. The error
// wraps [hub.ErrMemory].
func (c *call) reserve(n int) error {
	if err := c.ev.Reserve(n); err != nil {
		return err
	}
	c.reserved.Add(int64(n))
	return nil
}

// returnGrace is the time that handlers have to return after the timeout.
const returnGrace = time.Second

// applyResult applies the reply of a request that was not a stream.
func (c *call) applyResult(r requestResult) error {
	if r.err != nil {
		return r.err
	}
	if r.reply == nil { // a stream that ended at once
		return nil
	}
	return r.reply.applyTo(c.ev, c.handler.log)
}

// applyStream applies the replies of a stream until it ends, is canceled, or the socket
// disconnects.
func (c *call) applyStream() error {
	disconnecting := c.ev.Disconnecting()
	for {
		select {
		case raw := <-c.replies:
			done, err := c.applyNext(raw)
			if err != nil || done {
				return err
			}
		case r := <-c.result:
			return r.err
		case <-disconnecting:
			return errStreamCanceled
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

// applyNext applies one reply of a stream, when the client has received enough of the
// earlier ones. done is true if it is the last one, because it disconnects the socket.
func (c *call) applyNext(raw []byte) (done bool, err error) {
	if err := c.ev.AwaitQueue(c.ctx); err != nil {
		return false, context.Cause(c.ctx)
	}
	c.applied++
	r, err := parseReply(raw)
	if err != nil {
		return false, fmt.Errorf("reply %d of the stream: %w", c.applied, err)
	}
	if c.hasUnknown {
		r.unknownKeys = nil // logged once
	}
	c.hasUnknown = c.hasUnknown || len(r.unknownKeys) > 0
	defer c.ev.EndStep() // the next reply may be long in coming
	return r.Disconnect, r.applyTo(c.ev, c.handler.log)
}

// requestContext is the context of an HTTP request. It ends with the one of the call. After the
// timeout its error is [context.DeadlineExceeded]: reverse_proxy counts that as a failure of
// the upstream, and a canceled request not.
type requestContext struct {
	context.Context
	done chan struct{} // closed when the call's context ends
}

func newRequestContext(ctx context.Context) requestContext {
	c := requestContext{ctx, make(chan struct{})}
	context.AfterFunc(ctx, func() { close(c.done) })
	return c
}

// Done implements [context.Context].
func (c requestContext) Done() <-chan struct{} { return c.done }

// Err implements [context.Context].
func (c requestContext) Err() error {
	if context.Cause(c.Context) == errTimeout {
		return context.DeadlineExceeded
	}
	return c.Context.Err()
}

// AfterFunc spares contexts that derive from this one a goroutine.
func (c requestContext) AfterFunc(fn func()) (stop func() bool) {
	return context.AfterFunc(c.Context, fn)
}

// runRequest makes the request, and releases its slot.
func (c *call) runRequest() {
	inFlight := requestsInFlight.WithLabelValues(hubName(c.ev))
	inFlight.Inc()
	r := requestResult{err: errBrokenOff} // for a panic in an HTTP handler
	defer func() {
		inFlight.Dec()
		c.endSlotUse(r)
		c.result <- r
	}()
	spawn.GrowStack[spawn.Stack12K]() // for the HTTP client
	r.reply, r.err = c.requestReply()
}

// requestReply encodes the event, sends it and parses the response. It returns no reply
// after a stream, whose replies were delivered.
func (c *call) requestReply() (*reply, error) {
	body, err := encodeEvent(c.ev)
	if err != nil {
		return nil, err
	}
	if err := c.reserve(len(body)); err != nil {
		return nil, err
	}
	w := &response{call: c, limit: c.handler.MaxResponse, header: make(http.Header)}
	err = c.handler.serveRequest(newRequestContext(c.requestCtx), c.ev, w, body)
	cause := context.Cause(c.requestCtx)
	switch {
	case w.stream != nil:
		return nil, w.stream.end(cmp.Or(cause, err))
	case w.tooLarge:
		return nil, errTooLarge
	case w.refused != nil:
		return nil, w.refused
	case cause != nil:
		return nil, cause
	case err != nil:
		return nil, err
	}
	return w.readReply()
}
