package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// Status tells how things are.
type Status struct {
	// Version is that of this module in the program.
	Version string `json:"version"`
	// Hubs are those that exist, sorted by name.
	Hubs []HubStatus `json:"hubs"`
	// Totals are sums over the hubs.
	Totals Totals `json:"totals"`
}

// HubStatus tells how a hub is.
type HubStatus struct {
	Name string `json:"name"`
	// Connections is the number of open connections.
	Connections int `json:"connections"`
	// Namespaces are those that exist, sorted by name.
	Namespaces []NamespaceStatus `json:"namespaces"`
	// Cluster is the adapter's state; its name is "memory"
	// when it is alone.
	Cluster cluster.State `json:"cluster"`
}

// Totals are sums over all hubs.
type Totals struct {
	Connections int `json:"connections"`
	Sockets     int `json:"sockets"`
	Rooms       int `json:"rooms"`
}

// NamespaceStatus tells how a namespace is, on this node.
type NamespaceStatus struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
	// Rooms counts the rooms of the sockets' own ids, too.
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
		is := a.buildHubStatus(h)
		s.Hubs = append(s.Hubs, is)
		s.Totals.Connections += is.Connections
		for _, ns := range is.Namespaces {
			s.Totals.Sockets += ns.Sockets
			s.Totals.Rooms += ns.Rooms
		}
	}
	slices.SortFunc(s.Hubs, func(a, b HubStatus) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

func (a *API) buildHubStatus(h *hub.Hub) HubStatus {
	is := HubStatus{
		Name: h.Name(), Connections: h.Connections(), Namespaces: a.listNamespaces(h),
		Cluster: cluster.State{Adapter: "memory", Connected: true},
	}
	if c := h.Cluster(); c != nil {
		is.Cluster = c.State()
	}
	return is
}

// listNamespaces lists the namespaces of a hub that requests may be about.
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
