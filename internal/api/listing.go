package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// CompleteHeader is a header of the answer that lists sockets. It is "false" when
// not all nodes of the cluster answered.
const CompleteHeader = "Socketio-Complete"

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

func (a *API) handleRooms(_ http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "prefix", "after", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := parseLimit(q)
	if err != nil {
		return nil, err
	}
	answer := []Room{}
	err = a.withNamespace(parseScope(q), func(ns *hub.Namespace) error {
		for _, room := range ns.RoomPage(q.Get("prefix"), q.Get("after"), limit) {
			answer = append(answer, Room{Name: room.Name, Sockets: room.Members})
		}
		return nil
	})
	return answer, err
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
	answer := []Socket{}
	err = a.withNamespace(parseScope(q), func(ns *hub.Namespace) error {
		found, err := broadcast(ns).FetchPage(r.Context(), q.Get("after"), limit)
		// Listings are for looking: what could be learned is better than nothing.
		w.Header().Set(CompleteHeader, strconv.FormatBool(err == nil))
		for _, s := range found {
			answer = append(answer, convertSocket(s))
		}
		return nil
	})
	return answer, err
}

// parseBroadcast reads which sockets are meant.
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

// convertSocket makes up for what other nodes may have left out.
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
