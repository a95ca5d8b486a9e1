package redisadapter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// lostSocketFields is a lost socket in Redis. Node.js saves the first four fields.
type lostSocketFields struct {
	SID      messages.Text     `json:"sid"`
	PID      messages.Text     `json:"pid"`
	Rooms    messages.RoomList `json:"rooms"`
	Data     json.RawMessage   `json:"data"`
	Nsp      *messages.Text    `json:"nsp"`
	Values   json.RawMessage   `json:"values"`
	Offset   messages.Text     `json:"offset"`
	Identity messages.Text     `json:"identity"`
	Lost     messages.Text     `json:"lost"` // milliseconds since 1970
	Position messages.Text     `json:"position"`
	Marks    messages.RoomList `json:"marks"`
}

// encodeLostSocket returns base64 of MessagePack {sid, pid, rooms, data, nsp, values,
// offset, identity, lost, position, marks}. Node.js ignores the
// members that it does not know.
func encodeLostSocket(s cluster.LostSocket, namespace string) (string, error) {
	names, err := messages.Stringify(append(messages.RoomList{}, s.Rooms...))
	if err != nil {
		return "", err
	}
	var parts [][]byte
	var values []sio.Data
	add := func(name string, value sio.Data) {
		parts = append(parts, []byte(`,"`+name+`":`))
		values = append(values, value)
	}
	add("sid", quoteString(s.ID))
	parts[0][0] = '{'
	add("pid", quoteString(s.PID))
	add("rooms", sio.Data{JSON: names})
	add("data", s.Data)
	add("nsp", quoteString(namespace))
	if len(s.Values.JSON) > 0 {
		add("values", s.Values)
	}
	add("offset", quoteString(s.Offset))
	add("identity", quoteString(s.Identity))
	if !s.Lost.IsZero() {
		add("lost", quoteString(strconv.FormatInt(s.Lost.UnixMilli(), 10)))
	}
	add("position", quoteString(s.Position))
	if len(s.Marks) > 0 {
		marks, err := messages.Stringify(s.Marks)
		if err != nil {
			return "", err
		}
		add("marks", sio.Data{JSON: marks})
	}
	parts = append(parts, []byte("}"))
	b, err := msgpack.AppendData(nil, sio.Splice(parts, values))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// quoteString returns a JSON string.
func quoteString(s string) sio.Data {
	b, _ := messages.Stringify(s) // strings always marshal
	return sio.Data{JSON: b}
}

// decodeLostSocket reads a value of encodeLostSocket or of Node.js. Errors wrap
// messages.ErrMalformed, or cluster.ErrNotRecoverable for another namespace.
func decodeLostSocket(value, namespace string) (s cluster.LostSocket, err error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return s, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	r := msgpack.NewReader(string(b))
	whole := r.Data()
	if err := r.End(); err != nil {
		return s, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	var fields lostSocketFields
	if err := json.Unmarshal(whole.JSON, &fields); err != nil {
		return s, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if fields.SID == "" || fields.PID == "" {
		return s, fmt.Errorf("%w: lost socket without ids", messages.ErrMalformed)
	}
	s = cluster.LostSocket{
		ID: string(fields.SID), PID: string(fields.PID), Rooms: fields.Rooms, Offset: string(fields.Offset), Known: fields.Nsp != nil,
		Identity: string(fields.Identity), Position: string(fields.Position), Marks: fields.Marks,
	}
	if ms, err := strconv.ParseInt(string(fields.Lost), 10, 64); err == nil {
		s.Lost = time.UnixMilli(ms)
	}
	s.Data, _ = whole.Lookup("data")
	s.Values, _ = whole.Lookup("values")
	if fields.Nsp != nil && string(*fields.Nsp) != namespace {
		return s, fmt.Errorf("%w: it is of another namespace", cluster.ErrNotRecoverable)
	}
	return s, nil
}
