package api

import (
	"context"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// Target names the sockets that something is done to.
type Target struct {
	scope
	repeatable
	// In are rooms: a socket that is in at least one of them is meant. An empty
	// list means none. Default: all sockets of the namespace.
	In lenient.Names `json:"in,omitzero"`
	// Except are rooms whose sockets are left out.
	Except lenient.Names `json:"except,omitempty"`
}

// Membership is the body of join and leave.
type Membership struct {
	Target
	// Rooms are those to join or to leave.
	Rooms lenient.Names `json:"rooms"`
}

// Disconnect is the body of disconnect.
type Disconnect struct {
	Target
	// Close closes the whole connections, not only the sockets of the
	// namespace.
	Close bool `json:"close,omitempty"`
}

// SocketsReply answers what is done to sockets.
type SocketsReply struct {
	// Sockets is the number of sockets of this process that it was done to.
	Sockets int `json:"sockets"`
}

func (a *API) handleJoin(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.changeMembership(w, r, "join", func(t rooms.Target, names []string) cluster.Operation { return cluster.Join{Target: t, Rooms: names} })
}

func (a *API) handleLeave(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.changeMembership(w, r, "leave", func(t rooms.Target, names []string) cluster.Operation { return cluster.Leave{Target: t, Rooms: names} })
}

// changeMembership reads the body of join or leave and does what op makes of it.
func (a *API) changeMembership(w http.ResponseWriter, r *http.Request, operation string, op func(rooms.Target, []string) cluster.Operation) (any, error) {
	var m Membership
	t, err := m.readBody(w, r, &m)
	if err != nil {
		return nil, err
	}
	if len(m.Rooms) == 0 {
		return nil, badRequest("rooms: expected one or more names")
	}
	if err := hub.CheckRooms(m.Rooms); err != nil {
		return nil, badRequest("rooms: %v", err)
	}
	return a.changeSockets(r.Context(), operation, &m.Target, &m, op(t, m.Rooms))
}

func (a *API) handleDisconnect(w http.ResponseWriter, r *http.Request) (any, error) {
	var d Disconnect
	t, err := d.readBody(w, r, &d)
	if err != nil {
		return nil, err
	}
	if d.Close && a.OnlyNamespaces != nil {
		return nil, notAllowed("close: it would reach other namespaces, which is not allowed here")
	}
	return a.changeSockets(r.Context(), "disconnect", &d.Target, &d, cluster.Disconnect{Target: t, Close: d.Close})
}

// readBody reads a body, which the target is a part of.
func (t *Target) readBody(w http.ResponseWriter, r *http.Request, body any) (rooms.Target, error) {
	q, err := parseQuery(r, "hub", "namespace")
	if err != nil {
		return rooms.Target{}, err
	}
	if err := decodeBody(w, r, body); err != nil {
		return rooms.Target{}, err
	}
	t.fillFromQuery(q)
	return parseTarget("in", t.In, t.Except)
}

// changeSockets does an operation to the sockets of a target, which is part of a body.
func (a *API) changeSockets(ctx context.Context, operation string, t *Target, body any, op cluster.Operation) (any, error) {
	return a.runOnce(ctx, operation, t.scope, t.repeatable, body, func(ns *hub.Namespace) (any, error) {
		n, err := ns.Do(op)
		return SocketsReply{Sockets: n}, err
	})
}
