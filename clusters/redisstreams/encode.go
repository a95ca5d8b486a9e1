package redisstreams

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Types of messages, those of ClusterAdapter in Node's package socket.io-adapter.
const (
	typeEmit          = 3
	typeJoin          = 4
	typeLeave         = 5
	typeDisconnect    = 6
	typeFetchSockets  = 7
	typeSockets       = 8
	typeServerEmit    = 9
	typeServerAck     = 10
	typeClientCount   = 11
	typeClientAck     = 12
	entryEmit         = "3"
	entryJoin         = "4"
	entryLeave        = "5"
	entryDisconnect   = "6"
	packetEvent       = 2
	packetBinaryEvent = 5
)

// errMalformed is wrapped by what says that a message is none that can be
// understood. It is to be ignored, or not to be sent.
var errMalformed = errors.New("malformed message")

// opts say which sockets are meant, and how.
type opts struct {
	Rooms  list  `json:"rooms"`
	Except list  `json:"except"`
	Flags  flags `json:"flags"`
}

// target returns which sockets the options mean.
func (o *opts) target() rooms.Target { return rooms.Target{In: o.Rooms, Except: o.Except} }

func newOpts(t rooms.Target) opts {
	return opts{Rooms: append(list{}, t.In...), Except: append(list{}, t.Except...)}
}

// encodeEmit returns the data of an entry that is an emit.
func encodeEmit(op *cluster.Emit) (string, error) {
	data, err := emitData(op, "", 0)
	if err != nil {
		return "", err
	}
	return entryText(data)
}

// emitData returns {packet, requestId, opts}; with a timeout, in milliseconds, for
// acknowledgements.
func emitData(op *cluster.Emit, id string, timeout int64) (sio.Data, error) {
	o := newOpts(op.Target)
	o.Flags = flags{Volatile: op.Volatile, NoCompress: op.NoCompress, Timeout: timeout}
	if !isEvent(op.Data) {
		return sio.Data{}, fmt.Errorf("%w: an event is an array that begins with its name", errMalformed)
	}
	tail, err := encodeJSON(o)
	if err != nil {
		return sio.Data{}, err
	}
	b := make([]byte, 0, len(op.Data.JSON)+len(tail)+96)
	b = append(b, `{"packet":{"type":`...)
	b = append(strconv.AppendInt(b, packetEvent, 10), `,"data":`...)
	b = append(append(b, op.Data.JSON...), '}')
	if id != "" {
		b = append(append(append(b, `,"requestId":"`...), id...), '"')
	}
	b = append(append(append(b, `,"opts":`...), tail...), '}')
	return sio.Data{JSON: b, Attachments: op.Data.Attachments}, nil
}

// entryText returns data as it stands in an entry: JSON, or base64 of MessagePack
// where there is binary in it.
func entryText(d sio.Data) (string, error) {
	if len(d.Attachments) == 0 {
		if !json.Valid(d.JSON) {
			return "", fmt.Errorf("%w: no JSON", errMalformed)
		}
		return string(d.JSON), nil
	}
	b, err := msgpack.AppendData(nil, d)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// encodeRooms returns the data of an entry that makes sockets join or leave rooms.
func encodeRooms(t rooms.Target, names []string) (string, error) {
	b, err := encodeJSON(struct {
		Opts  opts `json:"opts"`
		Rooms list `json:"rooms"`
	}{newOpts(t), append(list{}, names...)})
	return string(b), err
}

func encodeDisconnect(op cluster.Disconnect) (string, error) {
	b, err := encodeJSON(struct {
		Opts  opts `json:"opts"`
		Close bool `json:"close"`
	}{newOpts(op.Target), op.Close})
	return string(b), err
}

// message returns {type, data, uid, nsp} as MessagePack, for a channel.
func (ln *line) message(typ int, data sio.Data) (string, error) {
	rest, err := encodeJSON(struct {
		UID string `json:"uid"`
		Nsp string `json:"nsp"`
	}{ln.uid, ln.namespace})
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, len(data.JSON)+len(rest)+24)
	b = strconv.AppendInt(append(b, `{"type":`...), int64(typ), 10)
	b = append(append(append(b, `,"data":`...), data.JSON...), ',')
	b = append(b, rest[1:]...)
	out, err := msgpack.AppendData(nil, sio.Data{JSON: b, Attachments: data.Attachments})
	return string(out), err
}

// encodeServerEmit returns an event for servers; with an id, one to be answered.
// It must be an array that begins with a name: with anything else, some of Node's
// servers end.
func (ln *line) encodeServerEmit(id string, d sio.Data) (string, error) {
	if !isServerEvent(d) {
		return "", fmt.Errorf("%w: an event for servers is an array that begins with a name", errMalformed)
	}
	return ln.message(typeServerEmit, packetData(id, d))
}

// packetData returns {requestId, packet}.
func packetData(id string, packet sio.Data) sio.Data {
	b := []byte{'{'}
	if id != "" {
		b = append(append(append(b, `"requestId":"`...), id...), `",`...)
	}
	b = append(append(append(b, `"packet":`...), packet.JSON...), '}')
	return sio.Data{JSON: b, Attachments: packet.Attachments}
}

// encodeQuery returns a question. The timeout is for clients' acknowledgements, in
// milliseconds.
func (ln *line) encodeQuery(id string, q cluster.Query, timeout int64) (string, error) {
	switch q := q.(type) {
	case cluster.AllRooms:
		return ln.encodeFetch(id, rooms.Target{}) // what rooms there are follows from who is in them
	case cluster.FetchSockets:
		return ln.encodeFetch(id, q.Target)
	case cluster.ServerEmitAck:
		return ln.encodeServerEmit(id, q.Data)
	case cluster.EmitAck:
		data, err := emitData(&q.Emit, id, timeout)
		if err != nil {
			return "", err
		}
		return ln.message(typeEmit, data)
	}
	return "", fmt.Errorf("redis_streams: question %T has no message", q)
}

func (ln *line) encodeFetch(id string, t rooms.Target) (string, error) {
	b, err := encodeJSON(struct {
		Opts      opts   `json:"opts"`
		RequestID string `json:"requestId"`
	}{newOpts(t), id})
	if err != nil {
		return "", err
	}
	return ln.message(typeFetchSockets, sio.Data{JSON: b})
}

// encodeAnswer returns the answer to a question. What can't be expressed is an
// error.
func (ln *line) encodeAnswer(id string, answer cluster.Answer) (string, error) {
	switch answer := answer.(type) {
	case cluster.Sockets:
		b, err := encodeJSON(struct {
			RequestID string           `json:"requestId"`
			Sockets   []cluster.Socket `json:"sockets"`
		}{id, presentable(answer)})
		if err != nil {
			return "", err
		}
		return ln.message(typeSockets, sio.Data{JSON: b})
	case cluster.ClientCount:
		b, err := encodeJSON(struct {
			RequestID   string `json:"requestId"`
			ClientCount int    `json:"clientCount"`
		}{id, int(answer)})
		if err != nil {
			return "", err
		}
		return ln.message(typeClientCount, sio.Data{JSON: b})
	case cluster.ClientAck: // of which Node's servers pass on the first argument
		first, ok := answer.Data.Index(0)
		if !ok {
			first = null
		}
		return ln.message(typeClientAck, packetData(id, first))
	case cluster.ServerAck:
		if len(answer.Data.JSON) == 0 {
			answer.Data = null
		}
		return ln.message(typeServerAck, packetData(id, answer.Data))
	}
	return "", fmt.Errorf("redis_streams: answer %T has no message", answer)
}

var null = sio.Data{JSON: []byte("null")}

// reserved are the events that no server may send to clients.
var reserved = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true,
	"newListener": true, "removeListener": true,
}

// isEvent reports whether data is an array that begins with the name of an event
// that clients may be sent: a string or a number.
func isEvent(d sio.Data) bool {
	name, ok := d.Index(0)
	if !ok || len(name.JSON) == 0 {
		return false
	}
	c := name.JSON[0]
	return c == '-' || '0' <= c && c <= '9' || c == '"' && !reserved[name.Text()]
}

// isServerEvent reports whether data is an array that begins with the name of an
// event for servers, and none that they emit to themselves.
func isServerEvent(d sio.Data) bool {
	first, _ := d.Index(0)
	name := first.Text()
	return bytes.HasPrefix(first.JSON, []byte(`"`)) && name != "connect" && name != "connection" && name != "new_namespace"
}

// presentable returns sockets with all that Node's servers rely on: objects where
// there is nothing to say.
func presentable(sockets cluster.Sockets) []cluster.Socket {
	all := append([]cluster.Socket{}, sockets...)
	for i := range all {
		s := &all[i]
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
	return all
}

func object(raw json.RawMessage) json.RawMessage {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return json.RawMessage("{}")
	}
	return raw
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
