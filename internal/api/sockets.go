package api

import (
	"context"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// Target selects sockets, and is part of the request bodies that change them.
type Target struct {
	scope
	repeatable
	// In are rooms: the sockets that are in at least one of them. An empty list means no
	// socket. Default: all sockets of the namespace.
	In lenient.Names `json:"in,omitzero"`
	// Except are the rooms, or ids of sockets, that are excluded.
	Except lenient.Names `json:"except,omitempty"`
}

// Membership is the request body of join and leave.
type Membership struct {
	Target
	// Rooms are the rooms to join or to leave.
	Rooms lenient.Names `json:"rooms"`
}

// Disconnect is the request body of disconnect.
type Disconnect struct {
	Target
	// Close closes the connections of the sockets, which disconnects their sockets in
	// other namespaces too.
	Close bool `json:"close,omitempty"`
}

// SocketsReply is the reply to join, leave and disconnect.
type SocketsReply struct {
	// Sockets is the number of sockets of this node that joined, left or were
	// disconnected.
	Sockets int `json:"sockets"`
}

func (a *API) handleJoin(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.changeMembership(w, r, "join", func(t rooms.Target, names []string) cluster.Operation { return cluster.Join{Target: t, Rooms: names} })
}

func (a *API) handleLeave(w http.ResponseWriter, r *http.Request) (any, error) {
	return a.changeMembership(w, r, "leave", func(t rooms.Target, names []string) cluster.Operation { return cluster.Leave{Target: t, Rooms: names} })
}

// changeMembership decodes the body of join or leave, and executes the operation that op
// returns for it.
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
		return nil, notAllowed("close: not allowed here, as it disconnects sockets in other namespaces")
	}
	return a.changeSockets(r.Context(), "disconnect", &d.Target, &d, cluster.Disconnect{Target: t, Close: d.Close})
}

// readBody decodes a request body that the target is part of, and returns the target.
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

// changeSockets executes an operation on the sockets of a target, which is part of a
// body.
func (a *API) changeSockets(ctx context.Context, operation string, t *Target, body any, op cluster.Operation) (any, error) {
	return a.runOnce(ctx, operation, t.scope, t.repeatable, body, func(ns *hub.Namespace) (any, error) {
		n, err := ns.Do(op)
		return SocketsReply{Sockets: n}, err
	})
}
