package redis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Types of requests and responses since socket.io-redis 6. The family of
// socket.io-redis 5 has others by the same numbers, see legacy.go.
const (
	typeSockets      = 0 // no longer sent by version 8
	typeAllRooms     = 1
	typeJoin         = 2
	typeLeave        = 3
	typeDisconnect   = 4
	typeFetchSockets = 5
	typeServerEmit   = 6 // and its response
	typeEmitAck      = 7
	typeClientCount  = 8 // response to typeEmitAck
	typeClientAck    = 9 // response to typeEmitAck
)

// request is a request between servers. The order of its fields is that of Node's.
type request struct {
	UID       text            `json:"uid,omitempty"`
	RequestID text            `json:"requestId,omitempty"`
	LegacyID  text            `json:"requestid,omitempty"` // socket.io-redis 5 spells it so
	Type      *int            `json:"type"`
	Opts      *opts           `json:"opts,omitempty"`
	SID       text            `json:"sid,omitempty"`
	Room      text            `json:"room,omitempty"`
	Rooms     list            `json:"rooms,omitempty"`
	Close     *bool           `json:"close,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Packet    *packet         `json:"packet,omitempty"`

	whole sio.Data // as received
}

type opts struct {
	Rooms  list  `json:"rooms"`
	Except list  `json:"except"`
	Flags  flags `json:"flags,omitzero"`
}

type packet struct {
	Type *int            `json:"type"`
	Nsp  *string         `json:"nsp"`
	Data json.RawMessage `json:"data"`
}

// target returns which sockets the options mean.
func (o *opts) target() rooms.Target { return rooms.Target{In: o.Rooms, Except: o.Except} }

func newOpts(t rooms.Target) *opts {
	return &opts{Rooms: append(list{}, t.In...), Except: append(list{}, t.Except...)}
}

// decodeRequest reads a request: JSON or, where there may be binary in it,
// MessagePack. Errors wrap errMalformed.
func decodeRequest(message string) (*request, error) {
	whole, err := decodeObject(message)
	if err != nil {
		return nil, err
	}
	q := &request{whole: whole}
	if err := json.Unmarshal(whole.JSON, q); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if q.Type == nil {
		return nil, fmt.Errorf("%w: request without a type", errMalformed)
	}
	return q, nil
}

// decodeObject reads a message that is JSON or MessagePack.
func decodeObject(message string) (sio.Data, error) {
	if strings.HasPrefix(message, "{") {
		whole, ok := sio.Data{JSON: []byte(message)}.Lookup()
		if !ok {
			return sio.Data{}, fmt.Errorf("%w: no JSON", errMalformed)
		}
		return whole, nil
	}
	r := msgpack.NewReader(message)
	whole := r.Data()
	if err := r.End(); err != nil {
		return sio.Data{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return whole, nil
}

// encodeJSON returns v as JSON.stringify would write it.
func encodeJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// encodeOp returns an operation as a request; an emit has a form of its own.
func encodeOp(uid string, op cluster.Op) ([]byte, error) {
	q := request{UID: text(uid)}
	switch op := op.(type) {
	case cluster.Join:
		q.Type, q.Opts, q.Rooms = new(typeJoin), newOpts(op.Target), op.Rooms
	case cluster.Leave:
		q.Type, q.Opts, q.Rooms = new(typeLeave), newOpts(op.Target), op.Rooms
	case cluster.Disconnect:
		q.Type, q.Opts, q.Close = new(typeDisconnect), newOpts(op.Target), &op.Close
	case cluster.ServerEmit:
		data, err := serverEvent(op.Data)
		if err != nil {
			return nil, err
		}
		q.Type, q.Data = new(typeServerEmit), data
	default:
		return nil, fmt.Errorf("redis: operation %T has no request", op)
	}
	return encodeJSON(q)
}

// encodeQuery returns a question as a request. The timeout is for clients'
// acknowledgements, in milliseconds.
func encodeQuery(uid, id, namespace string, q cluster.Query, timeout int64) ([]byte, error) {
	r := request{UID: text(uid), RequestID: text(id)}
	switch q := q.(type) {
	case cluster.AllRooms:
		r.Type = new(typeAllRooms)
	case cluster.FetchSockets:
		r.Type, r.Opts = new(typeFetchSockets), newOpts(q.Target)
	case cluster.ServerEmitAck:
		data, err := serverEvent(q.Data)
		if err != nil {
			return nil, err
		}
		r.Type, r.Data = new(typeServerEmit), data
	case cluster.EmitAck:
		return encodeEmitAck(uid, id, namespace, &q.Emit, timeout)
	default:
		return nil, fmt.Errorf("redis: question %T has no request", q)
	}
	return encodeJSON(r)
}

// encodeEmitAck returns an emit with acknowledgements as a request: as MessagePack
// only when there is binary in it. Servers before adapter 7.2 do not know it, and end
// when it is no JSON.
func encodeEmitAck(uid, id, namespace string, op *cluster.Emit, timeout int64) ([]byte, error) {
	if len(op.Data.Attachments) == 0 {
		return encodePlainEmitAck(uid, id, namespace, op, timeout)
	}
	b := msgpack.AppendMap(nil, 5)
	b = msgpack.AppendString(msgpack.AppendString(b, "uid"), uid)
	b = msgpack.AppendString(msgpack.AppendString(b, "requestId"), id)
	b = append(msgpack.AppendString(b, "type"), typeEmitAck)
	b, err := appendPacket(msgpack.AppendString(b, "packet"), namespace, op)
	if err != nil {
		return nil, err
	}
	return appendOpts(msgpack.AppendString(b, "opts"), op, timeout), nil
}

func encodePlainEmitAck(uid, id, namespace string, op *cluster.Emit, timeout int64) ([]byte, error) {
	if d, ok := op.Data.Lookup(); !ok || !isClientEvent(d) {
		return nil, errNoEvent
	}
	return encodeJSON(struct {
		UID       string      `json:"uid"`
		RequestID string      `json:"requestId"`
		Type      int         `json:"type"`
		Packet    plainPacket `json:"packet"`
		Opts      shardOpts   `json:"opts"`
	}{uid, id, typeEmitAck, plainPacket{typeEvent, op.Data.JSON, namespace}, newEmitOpts(op, timeout)})
}

// plainPacket is a packet without binary.
type plainPacket struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
	Nsp  string          `json:"nsp"`
}

// serverEvent returns an event for servers as JSON. It must be an array that
// begins with a name: with anything else, some of Node's servers end.
func serverEvent(d sio.Data) (json.RawMessage, error) {
	if d, ok := d.Lookup(); !ok || !isServerEvent(d) {
		return nil, fmt.Errorf("%w: an event for servers is an array that begins with a name", errMalformed)
	}
	return plainJSON(d)
}

// isServerEvent reports whether data is an array that begins with the name of an
// event for servers, and none that they emit to themselves.
func isServerEvent(d sio.Data) bool {
	first, _ := d.Index(0)
	name := first.Text()
	return bytes.HasPrefix(first.JSON, []byte(`"`)) && name != "connect" && name != "connection" && name != "new_namespace"
}

// plainJSON returns data as JSON in which a binary value is what JSON.stringify
// makes of a Node Buffer.
func plainJSON(d sio.Data) (json.RawMessage, error) {
	if len(d.Attachments) == 0 {
		return d.JSON, nil
	}
	b, err := msgpack.AppendData(nil, d)
	if err != nil {
		return nil, err
	}
	r := msgpack.NewReader(string(b))
	return r.JSON(), r.End()
}

// text is a string that others may write as a number, or leave out by null.
type text string

// UnmarshalJSON reads a string, a number or null.
func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || '0' <= c && c <= '9':
		*t = text(b)
		if v, err := strconv.ParseFloat(string(b), 64); err == nil && v == float64(int64(v)) {
			*t = text(strconv.FormatInt(int64(v), 10))
		}
	case c != 'n':
		return fmt.Errorf("expected text, not %.20s", b)
	}
	return nil
}

// list is a list of rooms, each a string or a number; or a single one.
type list []string

// UnmarshalJSON reads an array, a string, a number or null.
func (l *list) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		var one text
		if err := one.UnmarshalJSON(b); err != nil || one == "" {
			return err
		}
		*l = list{string(one)}
		return nil
	}
	var texts []text
	if err := json.Unmarshal(b, &texts); err != nil {
		return err
	}
	*l = make(list, len(texts))
	for i, t := range texts {
		(*l)[i] = string(t)
	}
	return nil
}

// flags are the modifiers of an emit with acknowledgements.
type flags struct {
	Volatile   bool
	NoCompress bool
	Timeout    int64 // milliseconds
}

// UnmarshalJSON reads an object; anything else is as good as none.
func (f *flags) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return nil
	}
	f.Volatile = string(members["volatile"]) == "true"
	f.NoCompress = string(members["compress"]) == "false"
	if ms, err := strconv.ParseFloat(string(members["timeout"]), 64); err == nil && ms > 0 && ms < 1e12 {
		f.Timeout = int64(ms)
	}
	return nil
}
