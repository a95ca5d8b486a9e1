package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/replies"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// repeatable is the part of a request body that makes the request safe to repeat.
type repeatable struct {
	// ID names the request. A node executes requests with the same id, operation,
	// namespace and content once a minute, and repeated ones get the reply of the first.
	// Default: each request is executed.
	ID *string `json:"id,omitempty"`
}

// Limits, in bytes, of an id and of the responses that are kept for repeated requests.
const (
	maxID        = 128
	maxResponses = 64 << 10
)

// checkID returns an error if the id is empty or too long.
func (r repeatable) checkID() error {
	if r.ID != nil && (*r.ID == "" || len(*r.ID) > maxID) {
		return badRequest("id: expected 1 to %d bytes", maxID)
	}
	return nil
}

// runOnce runs an operation in the namespace of a request, and returns its reply. If the
// request has an id that was used within the last minute, it returns the reply kept for
// the id and does not run the operation. The body has to be complete: fields that it
// takes from the query are filled in.
func (a *API) runOnce(ctx context.Context, operation string, s scope, r repeatable, body any, do func(*hub.Namespace) (any, error)) (reply any, err error) {
	if err := r.checkID(); err != nil {
		return nil, err
	}
	if r.ID == nil {
		err = a.withNamespace(s, func(ns *hub.Namespace) (err error) {
			reply, err = do(ns)
			return err
		})
		return reply, err
	}
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	err = a.withNamespace(s, func(ns *hub.Namespace) (err error) {
		var own any // the whole reply, if this call runs the operation
		key := replies.Key{Namespace: ns.Name(), Operation: operation, ID: *r.ID}
		reply, err = ns.Hub().Replies().DoOnce(ctx, key, content, func() (any, int, error) {
			own, err = do(ns)
			kept, size := shortenReply(own)
			return kept, size, err
		})
		if own != nil {
			reply = own
		}
		return err
	})
	if errors.Is(err, replies.ErrOtherContent) {
		return nil, badRequest("id: %q was used within the last minute for another request: expected a new one", *r.ID)
	}
	return reply, err
}

// shortenReply returns the reply that is kept for repeated requests, and its size in
// bytes. It leaves out large responses, and marks the reply as incomplete.
func shortenReply(reply any) (any, int) {
	size := 0
	switch reply := reply.(type) {
	case EmitReply:
		if reply.Responses == nil {
			break
		}
		if size = countDataBytes(*reply.Responses); size > maxResponses {
			return EmitReply{Delivered: reply.Delivered, Responses: &[]sio.Data{}, Complete: new(false)}, 0
		}
	case ServerSideEmitReply:
		if size = countDataBytes(reply.Responses); size > maxResponses {
			return ServerSideEmitReply{Responses: []sio.Data{}}, 0
		}
	}
	return reply, size
}

func countDataBytes(list []sio.Data) (size int) {
	const header = 48 // of a sio.Data
	for _, data := range list {
		size += header + data.Size()
	}
	return size
}

// ackContext returns the context for waiting for acknowledgements. With an id it does not
// end with the request's connection, as the client may repeat the request and is to get
// them then. It ends with the server.
func (r repeatable) ackContext(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if r.ID == nil {
		return context.WithTimeout(ctx, timeout)
	}
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			cancel() // the server ends a request with a cause of its own
		}
	})
	return lasting, func() {
		stop()
		cancel()
	}
}
