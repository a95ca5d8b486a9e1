package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// CompleteHeader is a header of the reply that lists sockets. It is "false" if not all
// nodes of the cluster replied.
const CompleteHeader = "Socketio-Complete"

// Room is a room with sockets on this node.
type Room struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
}

// Socket is a socket of any node. It leaves out the headers of its handshake: they have
// secrets of its user.
type Socket struct {
	ID        string          `json:"id"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
	Handshake Handshake       `json:"handshake"`
}

// Handshake is the request that opened the connection of a socket.
type Handshake struct {
	Time    string            `json:"time"`
	Address string            `json:"address"`
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Secure  bool              `json:"secure"`
}

func (a *API) handleRooms(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "prefix", "after", "limit", "own")
	if err != nil {
		return nil, err
	}
	limit, err := parseLimit(q)
	if err != nil {
		return nil, err
	}
	own, err := parseBool(q, "own")
	if err != nil {
		return nil, err
	}
	list := []Room{}
	err = a.withNamespace(parseScope(q), func(ns *hub.Namespace) error {
		for _, room := range ns.RoomPage(q.Get("prefix"), q.Get("after"), limit, own) {
			list = append(list, Room{Name: room.Name, Sockets: room.Members})
		}
		return nil
	})
	return list, err
}

func (a *API) handleSockets(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "in", "except", "after", "limit", "local")
	if err != nil {
		return nil, err
	}
	limit, err := parseLimit(q)
	if err != nil {
		return nil, err
	}
	broadcast, err := parseBroadcast(q)
	if err != nil {
		return nil, err
	}
	list := []Socket{}
	err = a.withNamespace(parseScope(q), func(ns *hub.Namespace) error {
		found, err := broadcast(ns).FetchPage(r.Context(), q.Get("after"), limit)
		// An incomplete list helps more than an error.
		w.Header().Set(CompleteHeader, strconv.FormatBool(err == nil))
		for _, s := range found {
			list = append(list, convertSocket(s))
		}
		return nil
	})
	return list, err
}

// parseBroadcast returns a function that selects the sockets of a query.
func parseBroadcast(q url.Values) (func(*hub.Namespace) hub.Broadcast, error) {
	t, err := parseTarget("in", parseList(q, "in"), q["except"])
	if err != nil {
		return nil, err
	}
	local, err := parseBool(q, "local")
	if err != nil {
		return nil, err
	}
	return func(ns *hub.Namespace) hub.Broadcast {
		b := ns.Except(t.Except...)
		if t.None || len(t.In) > 0 {
			b = b.To(t.In...)
		}
		if local {
			b = b.Local()
		}
		return b
	}, nil
}

// convertSocket converts a socket to its JSON. It fills fields that other nodes may leave
// out.
func convertSocket(s hub.RemoteSocket) Socket {
	h := s.Handshake
	d := Socket{
		ID: s.ID, Rooms: s.Rooms, Data: s.Data,
		Handshake: Handshake{Time: h.Time, Address: h.Address, URL: h.URL, Query: h.Query, Secure: h.Secure},
	}
	if d.Rooms == nil {
		d.Rooms = []string{}
	}
	if !json.Valid(d.Data) {
		d.Data = json.RawMessage("null")
	}
	if d.Handshake.Query == nil {
		d.Handshake.Query = map[string]string{}
	}
	return d
}
