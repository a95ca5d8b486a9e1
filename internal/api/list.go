package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// What listings return at a time.
const (
	defaultLimit = 1000
	maxLimit     = 100_000
)

// Overview tells how things are.
type Overview struct {
	Version string        `json:"version"`
	Hubs    []HubOverview `json:"hubs"`
	Totals  Totals        `json:"totals"`
}

// HubOverview tells how a hub is.
type HubOverview struct {
	Name        string        `json:"name"`
	Connections int           `json:"connections"`
	Namespaces  []NamespaceIs `json:"namespaces"`
	Cluster     cluster.State `json:"cluster"`
}

// Totals are sums over all hubs.
type Totals struct {
	Connections int `json:"connections"`
	Sockets     int `json:"sockets"`
	Rooms       int `json:"rooms"`
}

// NamespaceIs tells how a namespace is, on this node.
type NamespaceIs struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
	Rooms   int    `json:"rooms"`
}

// Room is a room of this node.
type Room struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
}

// Socket is a socket, wherever it is. The headers that it came with are not told:
// they have its user's secrets.
type Socket struct {
	ID        string          `json:"id"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
	Handshake Handshake       `json:"handshake"`
}

// Handshake is the request that a socket came with.
type Handshake struct {
	Time    string            `json:"time"`
	Address string            `json:"address"`
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Secure  bool              `json:"secure"`
}

func (a *API) overview(http.ResponseWriter, *http.Request) (any, error) {
	o := Overview{Version: a.Version, Hubs: []HubOverview{}}
	for h := range a.Hubs {
		is := HubOverview{
			Name: h.Name(), Connections: h.Connections(), Namespaces: list(h),
			Cluster: cluster.State{Engine: "memory", Connected: true},
		}
		if c := h.Cluster(); c != nil {
			is.Cluster = c.State()
		}
		o.Totals.Connections += is.Connections
		for _, ns := range is.Namespaces {
			o.Totals.Sockets += ns.Sockets
			o.Totals.Rooms += ns.Rooms
		}
		o.Hubs = append(o.Hubs, is)
	}
	slices.SortFunc(o.Hubs, func(a, b HubOverview) int { return strings.Compare(a.Name, b.Name) })
	return o, nil
}

func list(h *hub.Hub) []NamespaceIs {
	all := h.Namespaces()
	answer := make([]NamespaceIs, len(all))
	for i, ns := range all {
		answer[i] = NamespaceIs{Name: ns.Name(), Sockets: ns.Len(), Rooms: ns.Rooms()}
	}
	return answer
}

func (a *API) namespaces(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := query(r, "hub")
	if err != nil {
		return nil, err
	}
	h, err := a.hub(scope{Hub: q.Get("hub")})
	if err != nil {
		return nil, err
	}
	return list(h), nil
}

func (a *API) rooms(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := query(r, "hub", "namespace", "prefix", "after", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	answer := []Room{}
	return &answer, a.in(scopeOf(q), func(ns *hub.Namespace) error {
		for _, room := range ns.RoomPage(q.Get("prefix"), q.Get("after"), limit) {
			answer = append(answer, Room{Name: room.Name, Sockets: room.Members})
		}
		return nil
	})
}

func (a *API) sockets(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := query(r, "hub", "namespace", "in", "except", "after", "limit", "local")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	local := q.Get("local")
	if local != "" && local != "true" && local != "false" {
		return nil, badRequest("local: unexpected %q, expected true or false", local)
	}
	t, err := target(q["in"], q["except"])
	if err != nil {
		return nil, badRequest("in: %v", err)
	}
	answer := []Socket{}
	return &answer, a.in(scopeOf(q), func(ns *hub.Namespace) error {
		b := ns.To(t.In...).Except(t.Except...)
		if local == "true" {
			b = b.Local()
		}
		found, err := fetch(r.Context(), b)
		answer = page(found, q.Get("after"), limit)
		return err
	})
}

// fetch takes what nodes tell in time: listings are for looking.
func fetch(ctx context.Context, b hub.Broadcast) ([]hub.RemoteSocket, error) {
	found, err := b.FetchSockets(ctx)
	if errors.Is(err, hub.ErrTimeout) {
		return found, nil
	}
	return found, err
}

// page is some of the sockets in the order of their ids.
func page(found []hub.RemoteSocket, after string, limit int) []Socket {
	found = slices.DeleteFunc(found, func(s hub.RemoteSocket) bool { return after != "" && s.ID <= after })
	slices.SortFunc(found, func(a, b hub.RemoteSocket) int { return strings.Compare(a.ID, b.ID) })
	found = found[:min(len(found), limit)]
	answer := make([]Socket, len(found))
	for i, s := range found {
		h := s.Handshake
		answer[i] = Socket{
			ID: s.ID, Rooms: s.Rooms, Data: s.Data,
			Handshake: Handshake{Time: h.Time, Address: h.Address, URL: h.URL, Query: h.Query, Secure: h.Secure},
		}
	}
	return answer
}

func scopeOf(q url.Values) scope { return scope{Hub: q.Get("hub"), Namespace: q.Get("namespace")} }

// query reads a query strictly.
func query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query: %v", err)
	}
	for key := range q {
		if !slices.Contains(known, key) {
			return nil, badRequest("%s: unknown, expected %s", key, strings.Join(known, ", "))
		}
	}
	return q, nil
}

func limitOf(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, badRequest("limit: unexpected %q, expected a number from 1 to %d", text, maxLimit)
	}
	return n, nil
}
