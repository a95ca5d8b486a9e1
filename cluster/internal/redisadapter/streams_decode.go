package redisadapter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// streamsMessage is an entry or a message of another node.
type streamsMessage struct {
	messages.Message
	entryID string // "" for a message
}

// decodeEntry reads the data of an entry. Errors wrap messages.ErrMalformed.
func decodeEntry(typ int, data string) (*streamsMessage, error) {
	m := new(streamsMessage)
	m.Type = typ
	if strings.HasPrefix(data, "{") {
		var ok bool
		if m.Data, ok = (sio.Data{JSON: []byte(data)}).Lookup(); !ok {
			return nil, fmt.Errorf("%w: no JSON", messages.ErrMalformed)
		}
		return m, m.decodeBody()
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	r := msgpack.NewReader(string(b))
	m.Data = r.Data()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	return m, m.decodeBody()
}

// decodeMessage reads a message of a channel. Errors wrap messages.ErrMalformed.
func decodeMessage(payload string) (*streamsMessage, error) {
	m := new(streamsMessage)
	r := msgpack.NewReader(payload)
	if r.Kind() != msgpack.Map {
		return nil, fmt.Errorf("%w: no map", messages.ErrMalformed)
	}
	if err := m.ReadMsgPack(r); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if len(m.Data.JSON) == 0 {
		return nil, fmt.Errorf("%w: message of type %d without data", messages.ErrMalformed, m.Type)
	}
	return m, m.decodeBody()
}

// decodeBody reads the members of data.
func (m *streamsMessage) decodeBody() error {
	if err := json.Unmarshal(m.Data.JSON, &m.Body); err != nil {
		return fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	return nil
}

// parseEmit returns the emit of an entry or a message.
func (m *streamsMessage) parseEmit() (op cluster.Emit, err error) {
	o, err := m.RequireOpts()
	if err != nil {
		return op, err
	}
	var packet struct {
		Type *float64 `json:"type"`
	}
	if err := json.Unmarshal(m.Packet, &packet); err != nil {
		return op, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if t := packet.Type; t != nil && *t != messages.PacketEvent && *t != messages.PacketBinaryEvent {
		return op, fmt.Errorf("%w: packet of type %v", messages.ErrMalformed, *t)
	}
	event, _ := m.Data.Lookup("packet", "data")
	op, err = o.Emit(event)
	op.Offset = m.entryID
	return op, err
}

// decodeReply returns the reply of a decoded message. A packet that is left out is null.
func (c *streamsCodec) decodeReply(q cluster.Request, reply rawReply) (cluster.Reply, error) {
	m := reply.message
	if m.Packet == nil {
		m.Packet = messages.Null.JSON
	}
	decoded, ok := m.ReplyTo(q)
	if !ok {
		return nil, fmt.Errorf("%w: a reply of type %d", messages.ErrMalformed, m.Type)
	}
	return decoded, nil
}
