package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// ServerSideEmit is the request body of an emit to the other nodes of the cluster.
type ServerSideEmit struct {
	scope
	repeatable
	// Event is the event's name.
	Event string `json:"event"`
	// Args are its arguments, a JSON array without binary values.
	Args sio.Data `json:"args,omitzero"`
	// Ack waits for the acknowledgements of the other nodes. Default: no waiting.
	Ack *AckOptions `json:"ack,omitempty"`
}

// ServerSideEmitReply is the reply to a server-side emit.
type ServerSideEmitReply struct {
	// Responses has one value for each node that replied in time.
	Responses []sio.Data `json:"responses"`
	// Complete is true if all other nodes replied in time.
	Complete bool `json:"complete"`
}

func (a *API) handleServerSideEmit(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace")
	if err != nil {
		return nil, err
	}
	var e ServerSideEmit
	if err := decodeBody(w, r, &e); err != nil {
		return nil, err
	}
	e.fillFromQuery(q)
	op, err := e.buildOperation()
	if err != nil {
		return nil, err
	}
	if e.Ack != nil {
		liftDeadlines(w)
		return a.emitToNodesWithAck(r.Context(), &e, op)
	}
	return a.runOnce(r.Context(), "server_side_emit", e.scope, e.repeatable, &e, func(ns *hub.Namespace) (any, error) {
		_, err := ns.Do(op)
		return ServerSideEmitReply{Responses: []sio.Data{}, Complete: true}, err
	})
}

// buildOperation returns the operation that the body describes. Invalid fields are
// errors.
func (e *ServerSideEmit) buildOperation() (buildOperation cluster.ServerEmit, err error) {
	if e.Event == "" {
		return buildOperation, badRequest("event: expected the name of an event")
	}
	if err := hub.CheckServerEvent(e.Event); err != nil {
		return buildOperation, badRequest("event: %v", err)
	}
	if buildOperation.Data, err = buildEventData(e.Event, e.Args); err != nil {
		return buildOperation, err
	}
	if len(buildOperation.Data.Attachments) > 0 {
		return buildOperation, badRequest("args: expected no binary values: other nodes cannot receive them")
	}
	return buildOperation, nil
}

// emitToNodesWithAck emits to the other nodes and waits for their acknowledgements.
func (a *API) emitToNodesWithAck(ctx context.Context, e *ServerSideEmit, op cluster.ServerEmit) (any, error) {
	timeout, err := e.Ack.parseTimeout()
	if err != nil {
		return nil, err
	}
	return a.runOnce(ctx, "server_side_emit", e.scope, e.repeatable, e, func(ns *hub.Namespace) (any, error) {
		ctx, cancel := e.ackContext(ctx, timeout)
		defer cancel()
		reply := ServerSideEmitReply{Responses: []sio.Data{}}
		err := ns.Request(ctx, cluster.ServerEmitAck{ServerEmit: op}, func(nodeReply cluster.Reply) {
			if ack, ok := nodeReply.(cluster.ServerAck); ok {
				reply.Responses = append(reply.Responses, ack.Data)
			}
		})
		if err != nil && !isIncomplete(err) {
			return nil, &Error{Status: http.StatusServiceUnavailable, Message: "cluster: " + err.Error()}
		}
		reply.Complete = err == nil
		return reply, nil
	})
}

// isIncomplete reports whether an error means that not all nodes replied in time.
func isIncomplete(err error) bool {
	return errors.Is(err, cluster.ErrIncomplete) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, hub.ErrTimeout)
}
