package redisadapter

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Types of requests and replies since socket.io-redis 6. Version 5 uses the same numbers
// for other types, see classic_legacy.go.
const (
	typeSockets      = 0 // version 8 does not send it
	typeAllRooms     = 1
	typeJoin         = 2
	typeLeave        = 3
	typeDisconnect   = 4
	typeFetchSockets = 5
	typeServerEmit   = 6 // and its reply
	typeEmitAck      = 7
	typeClientCount  = 8                    // reply to typeEmitAck
	typeClientAck    = 9                    // reply to typeEmitAck
	typeSetData      = messages.TypeSetData // only for Caddy: Node.js ignores it
)

// classicRequest is a request between nodes. Its fields are in the order of Node.js.
type classicRequest struct {
	UID       messages.Text     `json:"uid,omitempty"`
	RequestID messages.Text     `json:"requestId,omitempty"`
	LegacyID  messages.Text     `json:"requestid,omitempty"` // socket.io-redis 5 spells it so
	Type      *int              `json:"type"`
	Opts      *classicOpts      `json:"opts,omitempty"`
	SID       messages.Text     `json:"sid,omitempty"`
	Room      messages.Text     `json:"room,omitempty"`
	Rooms     messages.RoomList `json:"rooms,omitempty"`
	Close     *bool             `json:"close,omitempty"`
	Data      json.RawMessage   `json:"data,omitempty"`
	Packet    *classicPacket    `json:"packet,omitempty"`
	messages.Assignment

	whole sio.Data // as received
}

// classicOpts are messages.Opts without empty flags, which Node.js leaves out.
type classicOpts struct {
	messages.TargetJSON
	Flags messages.Flags `json:"flags,omitzero"`
}

type classicPacket struct {
	Type *int            `json:"type"`
	Nsp  *string         `json:"nsp"`
	Data json.RawMessage `json:"data"`
}

func newClassicOpts(t rooms.Target) *classicOpts {
	return &classicOpts{TargetJSON: messages.NewTargetJSON(t)}
}

// decodeRequest reads a request: JSON, or MessagePack if there may be binary in it. Errors
// wrap messages.ErrMalformed.
func decodeRequest(message string) (*classicRequest, error) {
	whole, err := decodeObject(message)
	if err != nil {
		return nil, err
	}
	q := &classicRequest{whole: whole}
	if err := json.Unmarshal(whole.JSON, q); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if q.Type == nil {
		return nil, fmt.Errorf("%w: request without a type", messages.ErrMalformed)
	}
	return q, nil
}

// decodeObject reads a message that is JSON or MessagePack.
func decodeObject(message string) (sio.Data, error) {
	if strings.HasPrefix(message, "{") {
		whole, ok := sio.Data{JSON: []byte(message)}.Lookup()
		if !ok {
			return sio.Data{}, fmt.Errorf("%w: no JSON", messages.ErrMalformed)
		}
		return whole, nil
	}
	r := msgpack.NewReader(message)
	whole := r.Data()
	if err := r.End(); err != nil {
		return sio.Data{}, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	return whole, nil
}

// parseOperation returns the operation of a request, on a target and rooms.
func (q *classicRequest) parseOperation(t rooms.Target, names []string) (cluster.Operation, error) {
	switch *q.Type {
	case typeJoin:
		return cluster.Join{Target: t, Rooms: names}, nil
	case typeLeave:
		return cluster.Leave{Target: t, Rooms: names}, nil
	case typeSetData:
		return q.Assignment.Operation(t)
	default:
		return cluster.Disconnect{Target: t, Close: q.Close != nil && *q.Close}, nil
	}
}

// parseEmit returns the emit of a request for acknowledgements.
func (q *classicRequest) parseEmit() (op cluster.Emit, err error) {
	if q.Packet == nil || q.Opts == nil {
		return op, fmt.Errorf("%w: request of type %d without packet or opts", messages.ErrMalformed, *q.Type)
	}
	if t := q.Packet.Type; t != nil && *t != messages.PacketEvent && *t != messages.PacketBinaryEvent {
		return op, fmt.Errorf("%w: packet of type %d", messages.ErrMalformed, *t)
	}
	op.Target = q.Opts.Target()
	op.Flags = q.Opts.Flags.ClusterFlags()
	op.Trace = cluster.ParseTraceparent(q.Opts.Flags.Traceparent)
	op.Data, _ = q.whole.Lookup("packet", "data")
	name, _ := op.Data.Index(0)
	if len(name.JSON) == 0 || name.JSON[0] != '"' || messages.IsReserved(name.Text()) {
		return op, fmt.Errorf("%w: request of type %d without an event", messages.ErrMalformed, *q.Type)
	}
	return op, nil
}

// parseServerEvent returns the event of a server-side emit.
func (q *classicRequest) parseServerEvent() (sio.Data, error) {
	data, ok := q.whole.Lookup("data")
	if !ok || !messages.IsServerEvent(data) {
		return sio.Data{}, fmt.Errorf("%w: request of type %d without an event", messages.ErrMalformed, *q.Type)
	}
	return data, nil
}

// encodeClassicOperation returns an operation, other than an emit, as a request.
func encodeClassicOperation(uid string, op cluster.Operation) ([]byte, error) {
	q := classicRequest{UID: messages.Text(uid)}
	switch op := op.(type) {
	case cluster.Join:
		q.Type, q.Opts, q.Rooms = new(typeJoin), newClassicOpts(op.Target), op.Rooms
	case cluster.Leave:
		q.Type, q.Opts, q.Rooms = new(typeLeave), newClassicOpts(op.Target), op.Rooms
	case cluster.SetData:
		q.Type, q.Opts = new(typeSetData), newClassicOpts(op.Target)
		var err error
		if q.Assignment, err = messages.NewAssignment(&op); err != nil {
			return nil, err
		}
	case cluster.Disconnect:
		q.Type, q.Opts, q.Close = new(typeDisconnect), newClassicOpts(op.Target), &op.Close
	case cluster.ServerEmit:
		data, err := encodeServerEvent(op.Data)
		if err != nil {
			return nil, err
		}
		q.Type, q.Data = new(typeServerEmit), data
	default:
		return nil, fmt.Errorf("redis: operation %T has no message", op)
	}
	return messages.Stringify(q)
}

// encodeClassicRequest returns a request. The timeout is for clients' acknowledgements, in
// milliseconds.
func encodeClassicRequest(uid, id, namespace string, q cluster.Request, timeout int64) ([]byte, error) {
	r := classicRequest{UID: messages.Text(uid), RequestID: messages.Text(id)}
	switch q := q.(type) {
	case cluster.AllRooms:
		r.Type = new(typeAllRooms)
	case cluster.FetchSockets:
		r.Type, r.Opts = new(typeFetchSockets), newClassicOpts(q.Target)
	case cluster.ServerEmitAck:
		data, err := encodeServerEvent(q.Data)
		if err != nil {
			return nil, err
		}
		r.Type, r.Data = new(typeServerEmit), data
	case cluster.EmitAck:
		return encodeEmitAck(uid, id, namespace, &q.Emit, timeout)
	default:
		return nil, fmt.Errorf("redis: request %T has no message", q)
	}
	return messages.Stringify(r)
}

// encodeEmitAck returns an emit with acknowledgements as a request: MessagePack only if
// there is binary in it. Processes with adapters before 7.2 end when it is not JSON.
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

// encodePlainEmitAck returns an emit with acknowledgements as JSON.
func encodePlainEmitAck(uid, id, namespace string, op *cluster.Emit, timeout int64) ([]byte, error) {
	if d, ok := op.Data.Lookup(); !ok || !messages.IsEvent(d) {
		return nil, messages.ErrNoEvent
	}
	return messages.Stringify(struct {
		UID       string        `json:"uid"`
		RequestID string        `json:"requestId"`
		Type      int           `json:"type"`
		Packet    plainPacket   `json:"packet"`
		Opts      messages.Opts `json:"opts"`
	}{uid, id, typeEmitAck, plainPacket{messages.PacketEvent, op.Data.JSON, namespace}, messages.NewEmitOpts(op, timeout)})
}

// plainPacket is a packet without binary.
type plainPacket struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
	Nsp  string          `json:"nsp"`
}

// encodeServerEvent returns the event of a server-side emit as JSON. It must be an array
// that begins with a name: some Node.js servers end otherwise.
func encodeServerEvent(d sio.Data) (json.RawMessage, error) {
	if d, ok := d.Lookup(); !ok || !messages.IsServerEvent(d) {
		return nil, messages.ErrNoServerEvent
	}
	return encodePlainJSON(d)
}

// encodePlainJSON returns data as JSON, with binary values in the form of JSON.stringify
// for a Buffer.
func encodePlainJSON(d sio.Data) (json.RawMessage, error) {
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
