package redisstreams

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// message is something that another server said.
type message struct {
	typ      int
	uid, nsp string   // of a message of a channel
	id       string   // of an entry
	whole    sio.Data // of data
	body
}

// body is what there may be in data.
type body struct {
	RequestID   text            `json:"requestId"`
	Packet      json.RawMessage `json:"packet"`
	Opts        *opts           `json:"opts"`
	Rooms       list            `json:"rooms"`
	Close       bool            `json:"close"`
	Sockets     []remoteSocket  `json:"sockets"`
	ClientCount *int            `json:"clientCount"`
}

// decodeEntry reads the data of an entry. Errors wrap errMalformed.
func decodeEntry(typ int, data string) (*message, error) {
	m := &message{typ: typ}
	if strings.HasPrefix(data, "{") {
		var ok bool
		if m.whole, ok = (sio.Data{JSON: []byte(data)}).Lookup(); !ok {
			return nil, fmt.Errorf("%w: no JSON", errMalformed)
		}
		return m, m.read()
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	r := msgpack.NewReader(string(b))
	m.whole = r.Data()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, m.read()
}

// decodeMessage reads a message of a channel. Errors wrap errMalformed.
func decodeMessage(payload string) (*message, error) {
	m := new(message)
	r := msgpack.NewReader(payload)
	if r.Kind() != msgpack.Map {
		return nil, fmt.Errorf("%w: no map", errMalformed)
	}
	var data *msgpack.Reader
	for range r.Map() {
		switch key := r.Text(); {
		case key == "type" && r.Kind() == msgpack.Number:
			typ, _ := r.Int()
			m.typ = int(typ)
		case key == "uid" && r.Kind() == msgpack.String:
			m.uid = r.Text()
		case key == "nsp" && r.Kind() == msgpack.String:
			m.nsp = r.Text()
		case key == "data":
			peek := *r
			data = &peek
			r.Skip()
		default:
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if data == nil {
		return nil, fmt.Errorf("%w: message of type %d without data", errMalformed, m.typ)
	}
	if m.typ == typeSockets {
		m.whole = sio.Data{JSON: data.JSON()} // many sockets' data may have much binary in it
	} else {
		m.whole = data.Data()
	}
	if err := data.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, m.read()
}

func (m *message) read() error {
	if err := json.Unmarshal(m.whole.JSON, &m.body); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

// packet returns what is in data under that name, null when nothing is.
func (m *message) packet() sio.Data {
	if p, ok := m.whole.Lookup("packet"); ok {
		return p
	}
	return null
}

// options are the options of the message, which must have some.
func (m *message) options() (*opts, error) {
	if m.Opts == nil {
		return nil, fmt.Errorf("%w: message of type %d without opts", errMalformed, m.typ)
	}
	return m.Opts, nil
}

// emit returns the emit that a message is.
func (m *message) emit() (op cluster.Emit, err error) {
	o, err := m.options()
	if err != nil {
		return op, err
	}
	var packet struct {
		Type *float64 `json:"type"`
	}
	if err := json.Unmarshal(m.Packet, &packet); err != nil {
		return op, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if t := packet.Type; t != nil && *t != packetEvent && *t != packetBinaryEvent {
		return op, fmt.Errorf("%w: packet of type %v", errMalformed, *t)
	}
	op.Target, op.Offset = o.target(), m.id
	op.Volatile, op.NoCompress = o.Flags.Volatile, o.Flags.NoCompress
	op.Data, _ = m.whole.Lookup("packet", "data")
	if !isEvent(op.Data) {
		return op, fmt.Errorf("%w: packet without an event", errMalformed)
	}
	return op, nil
}

// answer returns the answer to q that a message is.
func (m *message) answer(q cluster.Query) (cluster.Answer, error) {
	switch q.(type) {
	case cluster.FetchSockets:
		if m.typ == typeSockets {
			return m.sockets(), nil
		}
	case cluster.AllRooms:
		if m.typ == typeSockets {
			return m.roomNames(), nil
		}
	case cluster.ServerEmitAck:
		if m.typ == typeServerAck {
			return cluster.ServerAck{Data: m.packet()}, nil
		}
	case cluster.EmitAck:
		switch {
		case m.typ == typeClientCount && m.ClientCount != nil && *m.ClientCount >= 0:
			return cluster.ClientCount(*m.ClientCount), nil
		case m.typ == typeClientAck:
			return cluster.ClientAck{Data: sio.Array(m.packet())}, nil
		}
	}
	return nil, fmt.Errorf("%w: an answer of type %d", errMalformed, m.typ)
}

func (m *message) sockets() cluster.Sockets {
	all := make(cluster.Sockets, len(m.Sockets))
	for i := range m.Sockets {
		all[i] = m.Sockets[i].socket()
	}
	return all
}

// roomNames returns the rooms that the sockets of a message are in.
func (m *message) roomNames() cluster.Rooms {
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
