package redis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Types of messages of the sharded dialect, those of ClusterAdapter in Node's
// package socket.io-adapter.
const (
	shardHeartbeat1   = 1 // this one and the next are of adapters that count by them
	shardHeartbeat2   = 2
	shardEmit         = 3
	shardJoin         = 4
	shardLeave        = 5
	shardDisconnect   = 6
	shardFetchSockets = 7
	shardSockets      = 8
	shardServerEmit   = 9
	shardServerAck    = 10
	shardClientCount  = 11
	shardClientAck    = 12
	shardClose        = 13 // as the heartbeats
)

// shardOpts say which sockets are meant, and how.
type shardOpts struct {
	Rooms  list       `json:"rooms"`
	Except list       `json:"except"`
	Flags  shardFlags `json:"flags"`
}

func newShardOpts(t rooms.Target) shardOpts {
	return shardOpts{Rooms: append(list{}, t.In...), Except: append(list{}, t.Except...)}
}

// newEmitOpts returns the options of an emit, which is to be acknowledged in a time
// given in milliseconds, unless that is 0.
func newEmitOpts(op *cluster.Emit, timeout int64) shardOpts {
	o := newShardOpts(op.Target)
	o.Flags = shardFlags{Volatile: op.Volatile, Timeout: timeout}
	if op.NoCompress {
		o.Flags.Compress = new(false)
	}
	return o
}

// shardFlags are the modifiers of an emit.
type shardFlags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
}

// shardTail is how every message of a line ends in JSON: ,"uid":"...","nsp":"..."}
func shardTail(uid, namespace string) string {
	tail, _ := encodeJSON(struct { // strings always have a form in JSON
		UID string `json:"uid"`
		Nsp string `json:"nsp"`
	}{uid, namespace})
	return "," + string(tail[1:])
}

// shardBinaryTail is how every message of a line ends in MessagePack.
func shardBinaryTail(uid, namespace string) string {
	b := msgpack.AppendString(msgpack.AppendString(nil, "uid"), uid)
	return string(msgpack.AppendString(msgpack.AppendString(b, "nsp"), namespace))
}

// shardMessage returns {type, data, uid, nsp}: JSON or, with binary in data,
// MessagePack. Data is pieces of JSON and values between them.
func (ln *line) shardMessage(typ int, pieces [][]byte, values ...sio.Data) ([]byte, error) {
	head := strconv.AppendInt([]byte(`{"type":`), int64(typ), 10)
	pieces[0] = append(append(head, `,"data":`...), pieces[0]...)
	last := len(pieces) - 1
	pieces[last] = append(append([]byte{}, pieces[last]...), ln.tail...)
	for i := range values {
		if !utf8.Valid(values[i].JSON) {
			values[i].JSON = bytes.ToValidUTF8(values[i].JSON, []byte("\uFFFD"))
		}
	}
	whole := sio.Splice(pieces, values)
	if len(whole.Attachments) == 0 {
		return whole.JSON, nil
	}
	return msgpack.AppendData(nil, whole)
}

// shardObject returns a message with data that has no binary in it.
func (ln *line) shardObject(typ int, data any) ([]byte, error) {
	text, err := encodeJSON(data)
	if err != nil {
		return nil, err
	}
	return ln.shardMessage(typ, [][]byte{text})
}

// shardEmit returns an emit; with an id, one that clients are to acknowledge in a
// time given in milliseconds.
func (ln *line) shardEmit(op *cluster.Emit, id string, timeout int64) ([]byte, error) {
	if d, ok := op.Data.Lookup(); !ok || !isClientEvent(d) {
		return nil, errNoEvent
	}
	options, err := encodeJSON(newEmitOpts(op, timeout))
	if err != nil {
		return nil, err
	}
	rest := make([]byte, 0, len(options)+64)
	rest = append(rest, '}')
	if id != "" {
		rest = append(append(append(rest, `,"requestId":"`...), id...), '"')
	}
	rest = append(append(append(rest, `,"opts":`...), options...), '}')
	return ln.shardMessage(shardEmit, [][]byte{[]byte(`{"packet":{"type":2,"data":`), rest}, op.Data)
}

// isClientEvent reports whether data is an array that begins with the name of an
// event that clients may be sent: a string or a number.
func isClientEvent(d sio.Data) bool {
	name, ok := d.Index(0)
	if !ok || len(name.JSON) == 0 {
		return false
	}
	c := name.JSON[0]
	return c == '-' || '0' <= c && c <= '9' || c == '"' && !reserved[name.Text()]
}

func (ln *line) shardRooms(typ int, t rooms.Target, names []string) ([]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return ln.shardObject(typ, struct {
		Opts  shardOpts `json:"opts"`
		Rooms list      `json:"rooms"`
	}{newShardOpts(t), names})
}

func (ln *line) shardFetch(id string, q cluster.FetchSockets) ([]byte, error) {
	return ln.shardObject(shardFetchSockets, struct {
		Opts      shardOpts `json:"opts"`
		RequestID string    `json:"requestId"`
	}{newShardOpts(q.Target), id})
}

// shardServerEmit returns an event for servers; with an id, one to be answered. It
// must be an array that begins with a name: with anything else, some of Node's
// servers end.
func (ln *line) shardServerEmit(id string, d sio.Data) ([]byte, error) {
	if d, ok := d.Lookup(); !ok || !isServerEvent(d) {
		return nil, fmt.Errorf("%w: an event for servers is an array that begins with a name", errMalformed)
	}
	return ln.shardPacket(shardServerEmit, id, d)
}

// shardPacket returns a message with {requestId, packet}; without what is nothing.
func (ln *line) shardPacket(typ int, id string, packet sio.Data) ([]byte, error) {
	head := []byte{'{'}
	if id != "" {
		text, _ := json.Marshal(id) // a string always has a form in JSON
		head = append(append(head, `"requestId":`...), text...)
	}
	if len(packet.JSON) == 0 {
		return ln.shardMessage(typ, [][]byte{append(head, '}')})
	}
	if id != "" {
		head = append(head, ',')
	}
	head = append(head, `"packet":`...)
	packet.JSON = bytes.TrimSpace(packet.JSON)
	return ln.shardMessage(typ, [][]byte{head, {'}'}}, packet)
}
