package redisadapter

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// encodeClassicReply returns a reply to request id.
func encodeClassicReply(id string, reply cluster.Reply) ([]byte, error) {
	switch reply := reply.(type) {
	case cluster.Sockets:
		return messages.Stringify(struct {
			RequestID string           `json:"requestId"`
			Sockets   []cluster.Socket `json:"sockets"`
		}{id, messages.CompleteSockets(reply)})
	case cluster.Rooms:
		return messages.Stringify(struct {
			RequestID string   `json:"requestId"`
			Rooms     []string `json:"rooms"`
		}{id, append([]string{}, reply...)})
	case cluster.ClientCount:
		return messages.Stringify(struct {
			Type        int    `json:"type"`
			RequestID   string `json:"requestId"`
			ClientCount int    `json:"clientCount"`
		}{typeClientCount, id, int(reply)})
	case cluster.ClientAck:
		return encodeClientAck(id, reply)
	case cluster.ServerAck:
		data, err := encodePlainJSON(reply.Data)
		if err != nil {
			return nil, err
		}
		return messages.Stringify(struct {
			Type      int             `json:"type"`
			RequestID string          `json:"requestId"`
			Data      json.RawMessage `json:"data"`
		}{typeServerEmit, id, data})
	}
	return nil, fmt.Errorf("redis: reply %T has no message", reply)
}

// encodeClientAck returns the first argument of a client's acknowledgement: Node.js passes
// on no other.
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

// parseReplyID returns the id of the request that a message replies to, or "".
func parseReplyID(message string) string {
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

// classicReply is a reply to a request of this node.
type classicReply struct {
	Type        int               `json:"type"`
	Sockets     []messages.Socket `json:"sockets"`
	Rooms       messages.RoomList `json:"rooms"`
	ClientCount *int              `json:"clientCount"`
	Data        json.RawMessage   `json:"data"`
}

// decodeClassicReply reads a reply to q. Errors wrap messages.ErrMalformed.
func decodeClassicReply(q cluster.Request, message string) (cluster.Reply, error) {
	whole, err := decodeObject(message)
	if err != nil {
		return nil, err
	}
	var r classicReply
	if err := json.Unmarshal(whole.JSON, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	switch q.(type) {
	case cluster.FetchSockets:
		return messages.ConvertSockets(r.Sockets), nil
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
	return nil, fmt.Errorf("%w: a reply of type %d", messages.ErrMalformed, r.Type)
}
