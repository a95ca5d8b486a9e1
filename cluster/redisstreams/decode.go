package redisstreams

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// message is something that another server said.
type message struct {
	peer.Message
	id string // of an entry
}

// decodeEntry reads the data of an entry. Errors wrap peer.ErrMalformed.
func decodeEntry(typ int, data string) (*message, error) {
	m := new(message)
	m.Type = typ
	if strings.HasPrefix(data, "{") {
		var ok bool
		if m.Data, ok = (sio.Data{JSON: []byte(data)}).Lookup(); !ok {
			return nil, fmt.Errorf("%w: no JSON", peer.ErrMalformed)
		}
		return m, m.read()
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	r := msgpack.NewReader(string(b))
	m.Data = r.Data()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	return m, m.read()
}

// decodeMessage reads a message of a channel. Errors wrap peer.ErrMalformed.
func decodeMessage(payload string) (*message, error) {
	m := new(message)
	r := msgpack.NewReader(payload)
	if r.Kind() != msgpack.Map {
		return nil, fmt.Errorf("%w: no map", peer.ErrMalformed)
	}
	if err := m.ReadMsgPack(r); err != nil {
		return nil, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	if len(m.Data.JSON) == 0 {
		return nil, fmt.Errorf("%w: message of type %d without data", peer.ErrMalformed, m.Type)
	}
	return m, m.read()
}

func (m *message) read() error {
	if err := json.Unmarshal(m.Data.JSON, &m.Body); err != nil {
		return fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	return nil
}

// emit returns the emit that a message is.
func (m *message) emit() (op cluster.Emit, err error) {
	o, err := m.RequireOpts()
	if err != nil {
		return op, err
	}
	var packet struct {
		Type *float64 `json:"type"`
	}
	if err := json.Unmarshal(m.Packet, &packet); err != nil {
		return op, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	if t := packet.Type; t != nil && *t != peer.PacketEvent && *t != peer.PacketBinaryEvent {
		return op, fmt.Errorf("%w: packet of type %v", peer.ErrMalformed, *t)
	}
	event, _ := m.Data.Lookup("packet", "data")
	op, err = o.Emit(event)
	op.Offset = m.id
	return op, err
}

// answer returns the answer to q that a message is. What is left out is null.
func (m *message) answer(q cluster.Request) (cluster.Reply, error) {
	if m.Packet == nil {
		m.Packet = peer.Null.JSON
	}
	answer, ok := m.ReplyTo(q)
	if !ok {
		return nil, fmt.Errorf("%w: an answer of type %d", peer.ErrMalformed, m.Type)
	}
	return answer, nil
}
