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

// repeatable is the part of a body that makes a request safe to repeat.
type repeatable struct {
	// ID names the request. One with the same id, operation, namespace and content
	// that was done on this node within the last minute is not done again, and
	// gets the same reply. Default: it is done again.
	ID *string `json:"id,omitempty"`
}

// What an id may have, and what is kept of the acknowledgements of an emit with one.
const (
	maxID        = 128
	maxResponses = 64 << 10
)

func (r repeatable) checkID() error {
	if r.ID != nil && (*r.ID == "" || len(*r.ID) > maxID) {
		return badRequest("id: expected 1 to %d bytes", maxID)
	}
	return nil
}

// runOnce does what a body asks for in its namespace, and returns the reply. When a body
// with the same id was done already it returns the reply to that one. The body is
// complete: what it leaves out was taken from the query.
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
		var own any // the whole reply, where the request is done here
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

// shortenReply returns the reply that repeated requests get, and its size: without the
// responses, and incomplete, if these are large.
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

// ackContext returns the context in which acknowledgements are awaited. With an id it does
// not end with the request's connection: the client may repeat the request, and is to
// get them then. It ends with the server.
func (r repeatable) ackContext(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if r.ID == nil {
		return context.WithTimeout(ctx, timeout)
	}
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			cancel() // the server says why it ends a request
		}
	})
	return lasting, func() {
		stop()
		cancel()
	}
}
