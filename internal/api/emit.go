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

// Emit is the body of an emit.
type Emit struct {
	scope
	repeatable
	// To are rooms; a socket that is in at least one gets the event once. An empty
	// list means nobody. Default: everyone in the namespace.
	To lenient.Names `json:"to,omitzero"`
	// Except are rooms whose sockets are left out.
	Except lenient.Names `json:"except,omitempty"`
	// Event is the event's name.
	Event string `json:"event"`
	// Args are its arguments, a JSON array. Binary is {"$binary": BASE64}.
	Args sio.Data `json:"args,omitzero"`
	// Volatile lets clients miss the event that can't take it at the moment.
	Volatile bool `json:"volatile,omitempty"`
	// Local keeps the event on this node of a cluster.
	Local bool `json:"local,omitempty"`
	// Compress says whether the event is worth compressing. Default: true.
	Compress *bool `json:"compress,omitempty"`
	// Ack asks for the clients' acknowledgements.
	Ack *AckOptions `json:"ack,omitempty"`
}

// EmitReply answers an emit.
type EmitReply struct {
	// Delivered is the number of sockets of this process that the event was
	// queued for; with acknowledgements, of the whole cluster.
	Delivered int `json:"delivered"`
	// Responses are the arguments of each acknowledgement that came in time.
	Responses *[]sio.Data `json:"responses,omitempty"`
	// Complete is true when all clients that got the event acknowledged it.
	Complete *bool `json:"complete,omitempty"`
}

// buildOperation refuses what can't be emitted, and returns the rest.
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
		Target: t, Data: data,
		Flags: cluster.Flags{Volatile: e.Volatile, Local: e.Local, NoCompress: noCompress},
	}, nil
}

// buildEventData makes the array that an event is on the wire.
func buildEventData(event string, args sio.Data) (sio.Data, error) {
	if string(args.JSON) == "null" {
		args = sio.Data{} // as all fields that are null
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
		return a.emitBatch(r.Context(), body, parseScope(q))
	}
	var e Emit
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

// convertNumberedBatch returns a body as an array, where it is a batch that is written as an object
// with numbers for keys, and otherwise as it is.
func convertNumberedBatch(body []byte) []byte {
	inner, ok := bytes.CutPrefix(body, []byte("{"))
	first := bytes.TrimLeft(inner, " \t\r\n")
	if !ok || len(first) < 2 || first[0] != '"' || first[1] < '0' || first[1] > '9' {
		return body
	}
	items, err := lenient.ReadList(body)
	if err != nil {
		return body // decoding it gives the error
	}
	var list bytes.Buffer
	for i, item := range items {
		list.WriteByte("[,"[min(i, 1)])
		list.Write(item)
	}
	list.WriteByte(']')
	return list.Bytes()
}

// emitEvent emits without waiting, and returns the number of sockets of this process
// that the event was queued for. The context bounds the wait for an emit with the same
// id.
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

// emitItem emits what an item of a batch or a line of a stream says.
func (a *API) emitItem(ctx context.Context, d *objectDecoder, text []byte, defaults scope) (int, error) {
	var e Emit
	e.scope = defaults
	if err := d.decodeObject(text, &e); err != nil {
		return 0, err
	}
	if e.Ack != nil {
		return 0, badRequest("ack: batches and streams do not wait for acknowledgements")
	}
	return a.emitEvent(ctx, &e)
}

// emitWithAck emits and waits for the acknowledgements.
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
		answers := ackCollector{responses: []sio.Data{}}
		answers.requestErr = ns.Request(ctx, cluster.EmitAck{Emit: op}, answers.addReply)
		return answers.buildReply(), nil
	})
}
