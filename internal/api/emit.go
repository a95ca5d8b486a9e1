package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Emit is the request body of the operation emit.
type Emit struct {
	scope
	repeatable
	// To are rooms. The event is emitted once to each socket that is in at least one of
	// them. An empty list means no socket. Default: all sockets of the namespace.
	To lenient.Names `json:"to,omitzero"`
	// Except are the rooms, or ids of sockets, that are excluded.
	Except lenient.Names `json:"except,omitempty"`
	// Event is the event's name.
	Event string `json:"event"`
	// Args are its arguments, a JSON array. Binary values are {"$binary": "BASE64"}.
	Args sio.Data `json:"args,omitzero"`
	// Volatile drops the event for clients that are not ready to receive it.
	Volatile bool `json:"volatile,omitempty"`
	// Local emits to the sockets of this node only.
	Local bool `json:"local,omitempty"`
	// Compress compresses the event, if compression is on. Default: true.
	Compress *bool `json:"compress,omitempty"`
	// Ack waits for acknowledgements. Default: no waiting.
	Ack *AckOptions `json:"ack,omitempty"`

	trace *cluster.TraceContext // of the HTTP request; nil for none
}

// EmitReply is the reply to one emit.
type EmitReply struct {
	// Delivered is the number of sockets of this node that the event was queued for. With
	// Ack it is the number of all nodes of the cluster.
	Delivered int `json:"delivered"`
	// Responses are the arguments of each acknowledgement that arrived in time.
	Responses *[]sio.Data `json:"responses,omitempty"`
	// Complete is true if all clients that got the event acknowledged it in time.
	Complete *bool `json:"complete,omitempty"`
}

// buildOperation returns the operation that the body describes. Invalid fields are
// errors.
func (e *Emit) buildOperation() (cluster.Emit, error) {
	t, err := parseTarget("to", e.To, e.Except)
	if err != nil {
		return cluster.Emit{}, err
	}
	if e.Event == "" {
		return cluster.Emit{}, badRequest("event: expected the name of an event")
	}
	if err := hub.CheckEvent(e.Event); err != nil {
		return cluster.Emit{}, badRequest("event: %v", err)
	}
	data, err := buildEventData(e.Event, e.Args)
	if err != nil {
		return cluster.Emit{}, err
	}
	noCompress := e.Compress != nil && !*e.Compress
	return cluster.Emit{
		Target: t, Data: data, Trace: e.trace,
		Flags: cluster.Flags{Volatile: e.Volatile, Local: e.Local, NoCompress: noCompress},
	}, nil
}

// buildEventData returns the JSON array of an event: its name and its arguments.
func buildEventData(event string, args sio.Data) (sio.Data, error) {
	if string(args.JSON) == "null" {
		args = sio.Data{} // null means absent, as for all fields
	}
	data, err := sio.EventData(event, lenient.DataList(args))
	if err != nil {
		return sio.Data{}, badRequest("args: expected a list")
	}
	if n := len(data.Attachments); n > sio.MaxAttachments {
		return sio.Data{}, badRequest("args: %d binary values, the limit is %d", n, sio.MaxAttachments)
	}
	return data, nil
}

func (a *API) handleEmit(w http.ResponseWriter, r *http.Request) (any, error) {
	stream, err := readContentType(r)
	if err != nil {
		return nil, err
	}
	q, err := parseQuery(r, "hub", "namespace")
	if err != nil {
		return nil, err
	}
	if stream {
		liftDeadlines(w)
		body := newAbortableBody(r.Context(), w, r.Body)
		defer body.stop()
		return a.emitStream(r.Context(), body, parseScope(q)), nil
	}
	body, err := readWholeBody(w, r)
	if err != nil {
		return nil, err
	}
	if body = convertNumberedBatch(lenient.TrimText(body)); bytes.HasPrefix(body, []byte("[")) {
		return a.emitBatch(r.Context(), body, parseScope(q), parseTrace(r))
	}
	e := Emit{trace: parseTrace(r)}
	if err := decodeObject(body, &e); err != nil {
		return nil, err
	}
	e.fillFromQuery(q)
	if e.Ack != nil {
		liftDeadlines(w)
		return a.emitWithAck(r.Context(), &e)
	}
	n, err := a.emitEvent(r.Context(), &e)
	return EmitReply{Delivered: n}, err
}

// convertNumberedBatch converts a batch that is written as an object with numbers for
// keys, as PHP does, to an array. It returns other bodies unchanged.
func convertNumberedBatch(body []byte) []byte {
	inner, ok := bytes.CutPrefix(body, []byte("{"))
	first := bytes.TrimLeft(inner, " \t\r\n")
	if !ok || len(first) < 2 || first[0] != '"' || first[1] < '0' || first[1] > '9' {
		return body
	}
	items, err := lenient.ReadList(body)
	if err != nil {
		return body // decoding it returns the error
	}
	var list bytes.Buffer
	for i, item := range items {
		list.WriteByte("[,"[min(i, 1)])
		list.Write(item)
	}
	list.WriteByte(']')
	return list.Bytes()
}

// emitEvent emits without waiting for acknowledgements. It returns the number of sockets
// of this node that the event was queued for. It waits for a request with the same id,
// until ctx ends.
func (a *API) emitEvent(ctx context.Context, e *Emit) (n int, err error) {
	op, err := e.buildOperation()
	if err != nil {
		return 0, err
	}
	if e.ID != nil {
		reply, err := a.runOnce(ctx, "emit", e.scope, e.repeatable, e, func(ns *hub.Namespace) (any, error) {
			n, err := ns.Do(op)
			return EmitReply{Delivered: n}, err
		})
		d, _ := reply.(EmitReply)
		return d.Delivered, err
	}
	err = a.withNamespace(e.scope, func(ns *hub.Namespace) (err error) {
		n, err = ns.Do(op)
		return err
	})
	return n, err
}

// parseTrace returns the trace that a request belongs to, or nil. Behind Caddy's tracing
// handler, the header names the handler's span.
func parseTrace(r *http.Request) *cluster.TraceContext {
	return cluster.ParseTraceparent(r.Header.Get("Traceparent"))
}

// emitItem emits an item of a batch, which belongs to a trace unless that is nil, or a line
// of a stream.
func (a *API) emitItem(ctx context.Context, d *objectDecoder, text []byte, defaults scope, trace *cluster.TraceContext) (int, error) {
	e := Emit{scope: defaults, trace: trace}
	if err := d.decodeObject(text, &e); err != nil {
		return 0, err
	}
	if e.Ack != nil {
		return 0, badRequest("ack: batches and streams do not wait for acknowledgements")
	}
	return a.emitEvent(ctx, &e)
}

// emitWithAck emits and waits for acknowledgements.
func (a *API) emitWithAck(ctx context.Context, e *Emit) (any, error) {
	timeout, err := e.Ack.parseTimeout()
	if err != nil {
		return nil, err
	}
	op, err := e.buildOperation()
	if err != nil {
		return nil, err
	}
	return a.runOnce(ctx, "emit", e.scope, e.repeatable, e, func(ns *hub.Namespace) (any, error) {
		ctx, cancel := e.ackContext(ctx, timeout)
		defer cancel()
		acks := ackCollector{responses: []sio.Data{}}
		acks.requestErr = ns.Request(ctx, cluster.EmitAck{Emit: op}, acks.addReply)
		return acks.buildReply(), nil
	})
}
