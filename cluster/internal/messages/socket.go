package messages

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Socket is a socket as other nodes write it.
type Socket struct {
	ID        Text `json:"id"`
	Handshake struct {
		Headers map[string]json.RawMessage `json:"headers"`
		Time    Text                       `json:"time"`
		Address Text                       `json:"address"`
		XDomain bool                       `json:"xdomain"`
		Secure  bool                       `json:"secure"`
		Issued  float64                    `json:"issued"`
		URL     Text                       `json:"url"`
		Query   map[string]json.RawMessage `json:"query"`
		Auth    json.RawMessage            `json:"auth"`
	} `json:"handshake"`
	Rooms RoomList        `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

// ConvertSockets returns the sockets of another node as package cluster defines them.
func ConvertSockets(described []Socket) cluster.Sockets {
	all := make(cluster.Sockets, len(described))
	for i := range described {
		all[i] = described[i].toClusterSocket()
	}
	return all
}

// toClusterSocket returns the socket as package cluster defines it.
func (s *Socket) toClusterSocket() cluster.Socket {
	h := &s.Handshake
	return cluster.Socket{
		ID: string(s.ID), Rooms: s.Rooms, Data: s.Data,
		Handshake: cluster.Handshake{
			Headers: joinValues(h.Headers), Time: string(h.Time), Address: string(h.Address),
			XDomain: h.XDomain, Secure: h.Secure, Issued: int64(h.Issued), URL: string(h.URL),
			Query: joinValues(h.Query), Auth: h.Auth,
		},
	}
}

// joinValues returns headers or a query as text. Node.js has arrays for repeated values;
// they are joined by commas.
func joinValues(members map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(members))
	for name, raw := range members {
		var several []string
		if json.Unmarshal(raw, &several) == nil && several != nil {
			out[name] = strings.Join(several, ", ")
		} else {
			out[name] = sio.Data{JSON: raw}.Text()
		}
	}
	return out
}

// CompleteSockets returns sockets with all fields that Node.js requires: empty objects and
// lists in place of absent ones.
func CompleteSockets(sockets cluster.Sockets) []cluster.Socket {
	all := append([]cluster.Socket{}, sockets...)
	for i := range all {
		s := &all[i]
		s.Data, s.Handshake.Auth = objectOrEmpty(s.Data), objectOrEmpty(s.Handshake.Auth)
		if s.Rooms == nil {
			s.Rooms = []string{}
		}
		if s.Handshake.Headers == nil {
			s.Handshake.Headers = map[string]string{}
		}
		if s.Handshake.Query == nil {
			s.Handshake.Query = map[string]string{}
		}
	}
	return all
}

// objectOrEmpty returns raw if it is an object, and otherwise an empty object.
func objectOrEmpty(raw json.RawMessage) json.RawMessage {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return json.RawMessage("{}")
	}
	return raw
}
