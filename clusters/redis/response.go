package redis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// encodeAnswer returns the response to request id that an answer is.
func encodeAnswer(id string, answer cluster.Answer) ([]byte, error) {
	switch answer := answer.(type) {
	case cluster.Sockets:
		return encodeJSON(struct {
			RequestID string           `json:"requestId"`
			Sockets   []cluster.Socket `json:"sockets"`
		}{id, presentable(answer)})
	case cluster.Rooms:
		return encodeJSON(struct {
			RequestID string   `json:"requestId"`
			Rooms     []string `json:"rooms"`
		}{id, append([]string{}, answer...)})
	case cluster.ClientCount:
		return encodeJSON(struct {
			Type        int    `json:"type"`
			RequestID   string `json:"requestId"`
			ClientCount int    `json:"clientCount"`
		}{typeClientCount, id, int(answer)})
	case cluster.ClientAck:
		return encodeClientAck(id, answer)
	case cluster.ServerAck:
		data, err := plainJSON(answer.Data)
		if err != nil {
			return nil, err
		}
		return encodeJSON(struct {
			Type      int             `json:"type"`
			RequestID string          `json:"requestId"`
			Data      json.RawMessage `json:"data"`
		}{typeServerEmit, id, data})
	}
	return nil, fmt.Errorf("redis: answer %T has no response", answer)
}

// encodeClientAck returns a client's acknowledgement, of which Node's servers pass
// on the first argument.
func encodeClientAck(id string, ack cluster.ClientAck) ([]byte, error) {
	first, ok := ack.Data.Index(0)
	members := 2
	if ok {
		members++
	}
	b := msgpack.AppendMap(nil, members)
	b = append(msgpack.AppendString(b, "type"), typeClientAck)
	b = msgpack.AppendString(msgpack.AppendString(b, "requestId"), id)
	if !ok {
		return b, nil
	}
	return msgpack.AppendData(msgpack.AppendString(b, "packet"), first)
}

// presentable returns sockets with all that Node's servers rely on: objects where
// there is nothing to say.
func presentable(sockets cluster.Sockets) []cluster.Socket {
	list := append([]cluster.Socket{}, sockets...)
	for i := range list {
		s := &list[i]
		s.Data, s.Handshake.Auth = object(s.Data), object(s.Handshake.Auth)
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
	return list
}

func object(raw json.RawMessage) json.RawMessage {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return json.RawMessage("{}")
	}
	return raw
}

// responseID returns which request a message answers; nothing when it does not
// say.
func responseID(message string) string {
	if strings.HasPrefix(message, "{") {
		id, _ := sio.Data{JSON: []byte(message)}.Lookup("requestId")
		return id.Text()
	}
	r := msgpack.NewReader(message)
	if r.Kind() != msgpack.Map {
		return ""
	}
	for range r.Map() {
		if r.Text() == "requestId" {
			return r.Text()
		}
		r.Skip()
	}
	return ""
}

// response is a response to a request of this server.
type response struct {
	Type        int             `json:"type"`
	Sockets     []remoteSocket  `json:"sockets"`
	Rooms       list            `json:"rooms"`
	ClientCount *int            `json:"clientCount"`
	Data        json.RawMessage `json:"data"`
}

// decodeAnswer reads a response to q. Errors wrap errMalformed.
func decodeAnswer(q cluster.Query, message string) (cluster.Answer, error) {
	whole, err := decodeObject(message)
	if err != nil {
		return nil, err
	}
	var r response
	if err := json.Unmarshal(whole.JSON, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	switch q.(type) {
	case cluster.FetchSockets:
		sockets := make(cluster.Sockets, len(r.Sockets))
		for i, s := range r.Sockets {
			sockets[i] = s.socket()
		}
		return sockets, nil
	case cluster.AllRooms:
		return cluster.Rooms(r.Rooms), nil
	case cluster.ServerEmitAck:
		if r.Data == nil {
			r.Data = json.RawMessage("null")
		}
		return cluster.ServerAck{Data: sio.Data{JSON: r.Data}}, nil
	case cluster.EmitAck:
		switch {
		case r.Type == typeClientCount && r.ClientCount != nil && *r.ClientCount >= 0:
			return cluster.ClientCount(*r.ClientCount), nil
		case r.Type == typeClientAck:
			if arg, ok := whole.Lookup("packet"); ok {
				return cluster.ClientAck{Data: sio.Array(arg)}, nil
			}
			return cluster.ClientAck{Data: sio.Array()}, nil
		}
	}
	return nil, fmt.Errorf("%w: a response of type %d", errMalformed, r.Type)
}

// remoteSocket is a socket as other servers describe it.
type remoteSocket struct {
	ID        text `json:"id"`
	Handshake struct {
		Headers map[string]json.RawMessage `json:"headers"`
		Time    text                       `json:"time"`
		Address text                       `json:"address"`
		XDomain bool                       `json:"xdomain"`
		Secure  bool                       `json:"secure"`
		Issued  float64                    `json:"issued"`
		URL     text                       `json:"url"`
		Query   map[string]json.RawMessage `json:"query"`
		Auth    json.RawMessage            `json:"auth"`
	} `json:"handshake"`
	Rooms list            `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

func (s *remoteSocket) socket() cluster.Socket {
	h := &s.Handshake
	return cluster.Socket{
		ID: string(s.ID), Rooms: s.Rooms, Data: s.Data,
		Handshake: cluster.Handshake{
			Headers: plainText(h.Headers), Time: string(h.Time), Address: string(h.Address),
			XDomain: h.XDomain, Secure: h.Secure, Issued: int64(h.Issued), URL: string(h.URL),
			Query: plainText(h.Query), Auth: h.Auth,
		},
	}
}

// plainText returns headers or a query as text. Node has arrays for what was
// given several times.
func plainText(members map[string]json.RawMessage) map[string]string {
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
