package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// SocketDetails is the reply to an inspection of one socket. Secrets of its handshake are
// hidden.
type SocketDetails = hub.Inspection

// handleSocket describes one socket of any node, in a namespace or in all namespaces that
// requests may name.
func (a *API) handleSocket(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "id", "local")
	if err != nil {
		return nil, err
	}
	local, err := parseBool(q, "local")
	if err != nil {
		return nil, err
	}
	id := q.Get("id")
	if err := hub.CheckRooms([]string{id}); err != nil {
		return nil, badRequest("id: expected the id of a socket")
	}
	search := hub.InspectionQuery{ID: id, Allowed: a.allowsNamespace, Local: local}
	found, incomplete, err := a.inspectSocket(r.Context(), parseScope(q), search)
	if err != nil {
		return nil, err
	}
	switch {
	case found == nil && incomplete != nil:
		return nil, notFound("id: there is no socket %q on the nodes that replied; not all nodes of the cluster did", id)
	case found == nil:
		return nil, notFound("id: there is no socket %q, and none disconnected in the last 10 minutes", id)
	}
	w.Header().Set(CompleteHeader, strconv.FormatBool(incomplete == nil || found.Close == nil))
	return found, nil
}

// inspectSocket searches for a socket, in the namespace of a scope if that has one.
// incomplete is the error of a search that did not reach all nodes.
func (a *API) inspectSocket(ctx context.Context, s scope, q hub.InspectionQuery) (found *SocketDetails, incomplete, err error) {
	if s.Namespace == "" {
		h, err := a.findHub(s.Hub)
		if err != nil {
			return nil, nil, err
		}
		found, incomplete = h.Inspect(ctx, q)
		return found, incomplete, nil
	}
	err = a.withNamespace(s, func(ns *hub.Namespace) error {
		q.Namespace, q.Allowed = ns, func(namespace string) bool { return namespace == ns.Name() }
		found, incomplete = ns.Hub().Inspect(ctx, q)
		return nil
	})
	return found, incomplete, err
}
