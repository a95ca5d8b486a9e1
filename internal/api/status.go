package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// Status is the overview of this node: version, hubs, cluster state, totals.
type Status struct {
	// Version is the version of this module.
	Version string `json:"version"`
	// Hubs are the hubs of this node, sorted by name.
	Hubs []HubStatus `json:"hubs"`
	// Totals are the sums over the hubs.
	Totals Totals `json:"totals"`
}

// HubStatus is the state of a hub on this node.
type HubStatus struct {
	Name string `json:"name"`
	// Connections is the number of open connections.
	Connections int `json:"connections"`
	// Namespaces are the namespaces that exist, sorted by name.
	Namespaces []NamespaceStatus `json:"namespaces"`
	// Cluster is the state of the adapter. Its name is "memory" if the hub has no
	// cluster.
	Cluster cluster.State `json:"cluster"`
}

// Totals are sums over the hubs.
type Totals struct {
	Connections int `json:"connections"`
	Sockets     int `json:"sockets"`
	Rooms       int `json:"rooms"`
}

// NamespaceStatus counts the sockets and rooms of a namespace on this node.
type NamespaceStatus struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
	// Rooms includes the room of each socket's own id.
	Rooms int `json:"rooms"`
}

func (a *API) handleStatus(_ http.ResponseWriter, r *http.Request) (any, error) {
	if _, err := parseQuery(r); err != nil {
		return nil, err
	}
	s := Status{Version: a.Version, Hubs: []HubStatus{}}
	for h := range a.Hubs {
		if a.OnlyHub != "" && h.Name() != a.OnlyHub {
			continue
		}
		hubStatus := a.buildHubStatus(h)
		s.Hubs = append(s.Hubs, hubStatus)
		s.Totals.Connections += hubStatus.Connections
		for _, ns := range hubStatus.Namespaces {
			s.Totals.Sockets += ns.Sockets
			s.Totals.Rooms += ns.Rooms
		}
	}
	slices.SortFunc(s.Hubs, func(a, b HubStatus) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

func (a *API) buildHubStatus(h *hub.Hub) HubStatus {
	status := HubStatus{
		Name: h.Name(), Connections: h.Connections(), Namespaces: a.listNamespaces(h),
		Cluster: cluster.State{Adapter: "memory", Connected: true},
	}
	if state, ok := h.ClusterState(); ok {
		status.Cluster = state
	}
	return status
}

// listNamespaces returns the namespaces of a hub that requests may name.
func (a *API) listNamespaces(h *hub.Hub) []NamespaceStatus {
	list := []NamespaceStatus{}
	for _, ns := range h.Namespaces() {
		if a.allowsNamespace(ns.Name()) {
			list = append(list, NamespaceStatus{Name: ns.Name(), Sockets: ns.Len(), Rooms: ns.Rooms()})
		}
	}
	return list
}

func (a *API) handleNamespaces(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub")
	if err != nil {
		return nil, err
	}
	h, err := a.findHub(q.Get("hub"))
	if err != nil {
		return nil, err
	}
	return a.listNamespaces(h), nil
}
