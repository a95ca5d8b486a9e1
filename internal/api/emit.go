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

// op refuses what can't be emitted, and returns the rest.
func (e *Emit) op() (cluster.Emit, error) {
	t, err := target("to", e.To, e.Except)
	if err != nil {
		return cluster.Emit{}, err
	}
	if e.Event == "" {
		return cluster.Emit{}, badRequest("event: expected the name of an event")
	}
	if err := hub.CheckEvent(e.Event); err != nil {
		return cluster.Emit{}, badRequest("event: %v", err)
	}
	data, err := eventData(e.Event, e.Args)
	if err != nil {
		return cluster.Emit{}, err
	}
	noCompress := e.Compress != nil && !*e.Compress
	return cluster.Emit{
		Target: t, Data: data,
		Flags: cluster.Flags{Volatile: e.Volatile, Local: e.Local, NoCompress: noCompress},
	}, nil
}

// eventData makes the array that an event is on the wire.
func eventData(event string, args sio.Data) (sio.Data, error) {
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

func (a *API) emit(w http.ResponseWriter, r *http.Request) (any, error) {
	stream, err := contentType(r)
	if err != nil {
		return nil, err
	}
	q, err := query(r, "hub", "namespace")
	if err != nil {
		return nil, err
	}
	if stream {
		liftDeadlines(w)
		body := until(r.Context(), w, r.Body)
		defer body.stop()
		return a.emitStream(r.Context(), body, scopeOf(q)), nil
	}
	body, err := readAll(w, r)
	if err != nil {
		return nil, err
	}
	if body = batchOf(lenient.TrimText(body)); bytes.HasPrefix(body, []byte("[")) {
		return a.emitBatch(r.Context(), body, scopeOf(q))
	}
	var e Emit
	if err := decode(body, &e); err != nil {
		return nil, err
	}
	e.fill(q)
	if e.Ack != nil {
		liftDeadlines(w)
		return a.emitWithAck(r.Context(), &e)
	}
	n, err := a.emitOne(r.Context(), &e)
	return EmitReply{Delivered: n}, err
}

// batchOf returns a body as an array, where it is a batch that is written as an object
// with numbers for keys, and otherwise as it is.
func batchOf(body []byte) []byte {
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

// emitOne emits without waiting, and returns the number of sockets of this process
// that the event was queued for. The context bounds the wait for an emit with the same
// id.
func (a *API) emitOne(ctx context.Context, e *Emit) (n int, err error) {
	op, err := e.op()
	if err != nil {
		return 0, err
	}
	if e.ID != nil {
		reply, err := a.once(ctx, "emit", e.scope, e.repeatable, e, func(ns *hub.Namespace) (any, error) {
			n, err := ns.Do(op)
			return EmitReply{Delivered: n}, err
		})
		d, _ := reply.(EmitReply)
		return d.Delivered, err
	}
	err = a.in(e.scope, func(ns *hub.Namespace) (err error) {
		n, err = ns.Do(op)
		return err
	})
	return n, err
}

// emitText emits what an item of a batch or a line of a stream says.
func (a *API) emitText(ctx context.Context, d *decoder, text []byte, defaults scope) (int, error) {
	var e Emit
	e.scope = defaults
	if err := d.decode(text, &e); err != nil {
		return 0, err
	}
	if e.Ack != nil {
		return 0, badRequest("ack: batches and streams do not wait for acknowledgements")
	}
	return a.emitOne(ctx, &e)
}

// emitWithAck emits and waits for the acknowledgements.
func (a *API) emitWithAck(ctx context.Context, e *Emit) (any, error) {
	timeout, err := e.Ack.timeout()
	if err != nil {
		return nil, err
	}
	op, err := e.op()
	if err != nil {
		return nil, err
	}
	return a.once(ctx, "emit", e.scope, e.repeatable, e, func(ns *hub.Namespace) (any, error) {
		ctx, cancel := e.wait(ctx, timeout)
		defer cancel()
		answers := acks{responses: []sio.Data{}}
		answers.failed = ns.Request(ctx, cluster.EmitAck{Emit: op}, answers.add)
		return answers.delivered(), nil
	})
}
