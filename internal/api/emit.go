package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Emit is the body of an emit.
type Emit struct {
	scope
	// To are rooms; a socket that is in at least one gets the event once. None
	// means everyone in the namespace.
	To []string `json:"to,omitempty"`
	// Except are rooms whose sockets are left out.
	Except []string `json:"except,omitempty"`
	// Event is the event's name.
	Event string `json:"event"`
	// Args are its arguments. Binary is {"$binary": BASE64}.
	Args []sio.Data `json:"args,omitempty"`
	// Volatile lets clients miss the event that can't take it at the moment.
	Volatile bool `json:"volatile,omitempty"`
	// Local keeps the event on this node of a cluster.
	Local bool `json:"local,omitempty"`
	// Compress says whether the event is worth compressing. Default: true.
	Compress *bool `json:"compress,omitempty"`
	// Ack asks for the clients' acknowledgements.
	Ack *AckOptions `json:"ack,omitempty"`

	op cluster.Emit
}

// AckOptions say how to wait for acknowledgements.
type AckOptions struct {
	// Timeout is how long to wait, like "5s". Default: 5s.
	Timeout string `json:"timeout,omitempty"`

	timeout time.Duration
}

// maxAckTimeout bounds how long a request may wait for acknowledgements.
const maxAckTimeout = 5 * time.Minute

func (o *AckOptions) check() error {
	o.timeout = hub.DefaultTimeout
	if o.Timeout == "" {
		return nil
	}
	d, err := time.ParseDuration(o.Timeout)
	if err != nil || d <= 0 || d > maxAckTimeout {
		return fmt.Errorf("ack.timeout: %q: expected a duration up to %s, like 5s", o.Timeout, maxAckTimeout)
	}
	o.timeout = d
	return nil
}

// Delivered answers an emit.
type Delivered struct {
	// Delivered is the number of sockets of this process that the event was
	// queued for; with acknowledgements, of the whole cluster.
	Delivered int `json:"delivered"`
	// Responses are the arguments of each acknowledgement that came in time.
	Responses *[]sio.Data `json:"responses,omitempty"`
	// Complete is true when all clients that got the event acknowledged it.
	Complete *bool `json:"complete,omitempty"`
}

// check refuses what can't be emitted, and prepares the rest.
func (e *Emit) check(query url.Values) error {
	e.fill(query)
	if e.Event == "" {
		return errors.New("event: expected the name of an event")
	}
	if err := hub.CheckEvent(e.Event); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	t, err := target(e.To, e.Except)
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	data, err := sio.EventData(e.Event, sio.Array(e.Args...))
	if err != nil {
		return fmt.Errorf("args: %w", err)
	}
	if len(data.Attachments) > sio.MaxAttachments {
		return fmt.Errorf("args: %d binary values, the limit is %d", len(data.Attachments), sio.MaxAttachments)
	}
	if e.Ack != nil {
		if err := e.Ack.check(); err != nil {
			return err
		}
	}
	noCompress := e.Compress != nil && !*e.Compress
	e.op = cluster.Emit{
		Target: t, Data: data,
		Flags: cluster.Flags{Volatile: e.Volatile, Local: e.Local, NoCompress: noCompress},
	}
	return nil
}

func (a *API) emit(w http.ResponseWriter, r *http.Request) (any, error) {
	stream, err := contentType(r)
	if err != nil {
		return nil, err
	}
	if stream {
		return a.emitStream(w, r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return a.emitBatch(r.Context(), body, query)
	}
	e := new(Emit)
	if err := decode(bytes.NewReader(body), e); err != nil {
		return nil, err
	}
	if err := e.check(query); err != nil {
		return nil, err
	}
	return a.emitOne(r.Context(), e)
}

// emitBatch emits all or, when one of them is wrong, none.
func (a *API) emitBatch(ctx context.Context, body []byte, query url.Values) (any, error) {
	var raw []json.RawMessage
	if err := decode(bytes.NewReader(body), &raw); err != nil {
		return nil, err
	}
	emits := make([]*Emit, len(raw))
	for i := range raw {
		emits[i] = new(Emit)
		if err := decode(bytes.NewReader(raw[i]), emits[i]); err != nil {
			return nil, at(i, err)
		}
		if err := emits[i].check(query); err != nil {
			return nil, at(i, err)
		}
		if emits[i].Ack != nil {
			return nil, badRequest("[%d].ack: a batch waits for nobody", i)
		}
		if err := a.in(emits[i].scope, func(*hub.Namespace) error { return nil }); err != nil {
			return nil, at(i, err)
		}
	}
	var sum Delivered
	for i, e := range emits {
		d, err := a.emitOne(ctx, e)
		if err != nil {
			return nil, at(i, err)
		}
		sum.Delivered += d.Delivered
	}
	return sum, nil
}

// at says which item of a list an error is about.
func at(i int, err error) error {
	e := *asError(err)
	e.Message = fmt.Sprintf("[%d].%s", i, e.Message)
	return &e
}

func (a *API) emitOne(ctx context.Context, e *Emit) (Delivered, error) {
	var d Delivered
	err := a.in(e.scope, func(ns *hub.Namespace) (err error) {
		if e.Ack != nil {
			d, err = emitWithAck(ctx, ns, e)
			return err
		}
		d.Delivered, err = ns.Do(e.op)
		return err
	})
	return d, err
}

func emitWithAck(ctx context.Context, ns *hub.Namespace, e *Emit) (Delivered, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Ack.timeout)
	defer cancel()
	responses := []sio.Data{}
	d := Delivered{Responses: &responses, Complete: new(true)}
	err := ns.Ask(ctx, cluster.EmitAck{Emit: e.op}, func(answer cluster.Answer) {
		switch answer := answer.(type) {
		case cluster.ClientCount:
			d.Delivered += int(answer)
		case cluster.ClientAck:
			responses = append(responses, answer.Data)
		}
	})
	if errors.Is(err, cluster.ErrIncomplete) || errors.Is(err, context.DeadlineExceeded) {
		*d.Complete = false
		return d, nil
	}
	return d, err
}
