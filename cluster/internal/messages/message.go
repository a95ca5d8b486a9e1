package messages

import (
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Types of messages. The numbers are the MessageType of socket.io-adapter.
const (
	TypeHeartbeat1   = 1 // this one and the next are for adapters that count nodes by heartbeats
	TypeHeartbeat2   = 2
	TypeEmit         = 3
	TypeJoin         = 4
	TypeLeave        = 5
	TypeDisconnect   = 6
	TypeFetchSockets = 7
	TypeSockets      = 8 // a reply, as are ServerAck, ClientCount and ClientAck
	TypeServerEmit   = 9
	TypeServerAck    = 10
	TypeClientCount  = 11
	TypeClientAck    = 12
	TypeClose        = 13 // for adapters with heartbeats
	TypeCloseStale   = 64 // this one and the next are only for Caddy: Node.js ignores them
	TypeStaleClosed  = 65
	TypeSetData      = 66 // as well only for Caddy
)

// Message is {type, data, uid, nsp} of another node.
type Message struct {
	Type     int
	UID, Nsp string // id of the sending node, and the namespace
	// After is the offset of an entry of the stream that precedes the message. Nodes of
	// Node.js do not send it.
	After string
	Data  sio.Data
	Body
}

// Body has the possible members of data.
type Body struct {
	RequestID   Text            `json:"requestId"`
	Packet      json.RawMessage `json:"packet"`
	Opts        *Opts           `json:"opts"`
	Rooms       RoomList        `json:"rooms"`
	Close       bool            `json:"close"`
	Sockets     []Socket        `json:"sockets"`
	ClientCount *int            `json:"clientCount"`
	PID         Text            `json:"pid"`
	Identity    Text            `json:"identity"`
	StaleClosed bool            `json:"recalled"`
	Assignment
}

// ReadMsgPack reads all but the body from MessagePack. The next value of r is a map.
func (m *Message) ReadMsgPack(r *msgpack.Reader) error {
	var data *msgpack.Reader
	for range r.Map() {
		switch key := r.Text(); {
		case key == "type" && r.Kind() == msgpack.Number:
			typ, _ := r.Int()
			m.Type = int(typ)
		case key == "uid" && r.Kind() == msgpack.String:
			m.UID = r.Text()
		case key == "nsp" && r.Kind() == msgpack.String:
			m.Nsp = r.Text()
		case key == "after" && r.Kind() == msgpack.String:
			m.After = r.Text()
		default:
			if key == "data" {
				data = new(*r)
			}
			r.Skip()
		}
	}
	if err := r.End(); err != nil || data == nil {
		return err
	}
	if m.Type == TypeSockets {
		m.Data = sio.Data{JSON: data.JSON()} // data of many sockets may contain much binary
	} else {
		m.Data = data.Data()
	}
	return data.Err()
}

// PacketData returns the packet in data, or null if there is none.
func (m *Message) PacketData() sio.Data {
	if p, ok := m.Data.Lookup("packet"); ok {
		return p
	}
	return Null
}

// Null is JSON's null.
var Null = sio.Data{JSON: []byte("null")}

// RequireOpts returns the options, or an error if there are none.
func (m *Message) RequireOpts() (*Opts, error) {
	if m.Opts == nil {
		return nil, fmt.Errorf("%w: message of type %d without opts", ErrMalformed, m.Type)
	}
	return m.Opts, nil
}

// ReplyTo returns the message as a reply to a request. ok is false for any other message.
func (m *Message) ReplyTo(request cluster.Request) (reply cluster.Reply, ok bool) {
	switch request.(type) {
	case cluster.FetchSockets:
		if m.Type == TypeSockets {
			return ConvertSockets(m.Sockets), true
		}
	case cluster.AllRooms:
		if m.Type == TypeSockets {
			return m.collectRoomNames(), true
		}
	case cluster.ServerEmitAck:
		if m.Type == TypeServerAck {
			return cluster.ServerAck{Data: m.PacketData()}, true
		}
	case cluster.CloseStale:
		if m.Type == TypeStaleClosed {
			return cluster.StaleClosed(m.StaleClosed), true
		}
	case cluster.EmitAck:
		switch {
		case m.Type == TypeClientCount && m.ClientCount != nil && *m.ClientCount >= 0:
			return cluster.ClientCount(*m.ClientCount), true
		case m.Type == TypeClientAck && m.Packet != nil:
			return cluster.ClientAck{Data: sio.Array(m.PacketData())}, true
		case m.Type == TypeClientAck:
			return cluster.ClientAck{Data: sio.Array()}, true
		}
	}
	return nil, false
}

// collectRoomNames returns the rooms of the sockets in a message, each once.
func (m *Message) collectRoomNames() cluster.Rooms {
	names, seen := cluster.Rooms{}, make(map[string]bool)
	for i := range m.Sockets {
		for _, name := range m.Sockets[i].Rooms {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}
