package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Target is the body of what is done to sockets.
type Target struct {
	scope
	// In are rooms: a socket that is in at least one of them is meant. None
	// means all sockets of the namespace.
	In []string `json:"in,omitempty"`
	// Except are rooms whose sockets are left out.
	Except []string `json:"except,omitempty"`
}

func (t *Target) rooms() (rooms.Target, error) {
	target, err := target(t.In, t.Except)
	if err != nil {
		return target, badRequest("in: %v", err)
	}
	return target, nil
}

// Membership is the body of join and leave.
type Membership struct {
	Target
	// Rooms are those to join or to leave.
	Rooms []string `json:"rooms"`
}

// Counted answers what is done to sockets.
type Counted struct {
	// Sockets is the number of sockets of this process that it was done to.
	Sockets int `json:"sockets"`
}

// member reads the body of join or leave and does what op makes of it.
func (a *API) member(w http.ResponseWriter, r *http.Request, op func(rooms.Target, []string) cluster.Op) (any, error) {
	var m Membership
	if err := readBody(w, r, &m); err != nil {
		return nil, err
	}
	m.fill(r.URL.Query())
	t, err := m.rooms()
	if err != nil {
		return nil, err
	}
	if len(m.Rooms) == 0 {
		return nil, badRequest("rooms: expected one or more names")
	}
	if err := hub.CheckRooms(m.Rooms); err != nil {
		return nil, badRequest("rooms: %v", err)
	}
	return a.do(m.scope, op(t, m.Rooms))
}

func (a *API) join(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.member(w, r, func(t rooms.Target, names []string) cluster.Op { return cluster.Join{Target: t, Rooms: names} })
}

func (a *API) leave(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.member(w, r, func(t rooms.Target, names []string) cluster.Op { return cluster.Leave{Target: t, Rooms: names} })
}

// Disconnect is the body of disconnect.
type Disconnect struct {
	Target
	// Close closes the whole connections, not only the sockets of the
	// namespace.
	Close bool `json:"close,omitempty"`
}

func (a *API) disconnect(w http.ResponseWriter, r *http.Request) (any, error) {
	var d Disconnect
	if err := readBody(w, r, &d); err != nil {
		return nil, err
	}
	d.fill(r.URL.Query())
	t, err := d.rooms()
	if err != nil {
		return nil, err
	}
	return a.do(d.scope, cluster.Disconnect{Target: t, Close: d.Close})
}

func (a *API) do(s scope, op cluster.Op) (any, error) {
	var c Counted
	err := a.in(s, func(ns *hub.Namespace) (err error) {
		c.Sockets, err = ns.Do(op)
		return err
	})
	return c, err
}

// ServerEmit is the body of an emit to the other servers of the cluster.
type ServerEmit struct {
	scope
	Event string      `json:"event"`
	Args  []sio.Data  `json:"args,omitempty"`
	Ack   *AckOptions `json:"ack,omitempty"`
}

// ServerResponses answers an emit to other servers.
type ServerResponses struct {
	// Responses are what the servers answered, one value each.
	Responses []sio.Data `json:"responses"`
	// Complete is true when all answered that were asked to.
	Complete bool `json:"complete"`
}

func (a *API) serverSideEmit(w http.ResponseWriter, r *http.Request) (any, error) {
	var e ServerEmit
	if err := readBody(w, r, &e); err != nil {
		return nil, err
	}
	e.fill(r.URL.Query())
	if e.Event == "" {
		return nil, badRequest("event: expected the name of an event")
	}
	if err := hub.CheckEvent(e.Event); err != nil {
		return nil, badRequest("event: %v", err)
	}
	data, err := sio.EventData(e.Event, sio.Array(e.Args...))
	if err != nil {
		return nil, badRequest("args: %v", err)
	}
	if len(data.Attachments) > 0 {
		return nil, badRequest("args: servers can't be sent binary values")
	}
	op := cluster.ServerEmit{Data: data}
	answers := ServerResponses{Responses: []sio.Data{}, Complete: true}
	return &answers, a.in(e.scope, func(ns *hub.Namespace) error {
		if e.Ack == nil {
			_, err := ns.Do(op)
			return err
		}
		if err := e.Ack.check(); err != nil {
			return err
		}
		return askServers(r.Context(), ns, op, e.Ack, &answers)
	})
}

func askServers(ctx context.Context, ns *hub.Namespace, op cluster.ServerEmit, o *AckOptions, answers *ServerResponses) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err := ns.Ask(ctx, cluster.ServerEmitAck{ServerEmit: op}, func(answer cluster.Answer) {
		if ack, ok := answer.(cluster.ServerAck); ok {
			answers.Responses = append(answers.Responses, ack.Data)
		}
	})
	if errors.Is(err, cluster.ErrIncomplete) || errors.Is(err, context.DeadlineExceeded) {
		answers.Complete = false
		return nil
	}
	return err
}
