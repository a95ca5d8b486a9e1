package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Draft is a message without its envelope: a type and data. The data is text, or text
// around one value that may contain binary.
type Draft struct {
	Type       int
	head, tail []byte
	value      sio.Data // zero if there is none; then tail is empty too
}

// Data returns the data with text before and after it.
func (d *Draft) Data(before, after string) sio.Data {
	if len(d.value.JSON) == 0 {
		return sio.Data{JSON: slices.Concat([]byte(before), d.head, []byte(after))}
	}
	head, tail := slices.Concat([]byte(before), d.head), slices.Concat(d.tail, []byte(after))
	return sio.Splice([][]byte{head, tail}, []sio.Data{d.value})
}

// ReplaceInvalidUTF8 replaces bytes that are not UTF-8, for an envelope that is JSON.
func (d *Draft) ReplaceInvalidUTF8() {
	if !utf8.Valid(d.value.JSON) {
		d.value.JSON = bytes.ToValidUTF8(d.value.JSON, []byte("\uFFFD"))
	}
}

// EncodeOperation returns the message for an operation.
func EncodeOperation(op cluster.Operation) (Draft, error) {
	switch op := op.(type) {
	case cluster.Emit:
		return encodeEmit(&op, "", 0)
	case cluster.Join:
		return encodeRooms(TypeJoin, op.Target, op.Rooms)
	case cluster.Leave:
		return encodeRooms(TypeLeave, op.Target, op.Rooms)
	case cluster.SetData:
		return encodeSetData(&op)
	case cluster.Disconnect:
		return encodeJSON(TypeDisconnect, struct {
			Opts  Opts `json:"opts"`
			Close bool `json:"close"`
		}{NewOpts(op.Target), op.Close})
	case cluster.ServerEmit:
		return encodeServerEmit("", op.Data)
	}
	return Draft{}, fmt.Errorf("operation %T has no message", op)
}

// EncodeRequest returns the message for a request. Timeout, in milliseconds, is for the
// acknowledgements of clients. A request for all rooms fetches all sockets, because nodes
// of Node.js have no request for rooms.
func EncodeRequest(id string, request cluster.Request, timeout int64) (Draft, error) {
	switch request := request.(type) {
	case cluster.AllRooms:
		return encodeFetchSockets(id, rooms.Target{})
	case cluster.FetchSockets:
		return encodeFetchSockets(id, request.Target)
	case cluster.ServerEmitAck:
		return encodeServerEmit(id, request.Data)
	case cluster.EmitAck:
		return encodeEmit(&request.Emit, id, timeout)
	case cluster.CloseStale:
		return encodeJSON(TypeCloseStale, struct {
			RequestID string `json:"requestId"`
			PID       string `json:"pid"`
			Identity  string `json:"identity"`
		}{id, request.PID, request.Identity})
	}
	return Draft{}, fmt.Errorf("request %T has no message", request)
}

// EncodeReply returns the message for a reply to the request with an id. Of a client's
// acknowledgement it sends the first argument, which is all that nodes of Node.js pass on.
func EncodeReply(id string, reply cluster.Reply) (Draft, error) {
	switch reply := reply.(type) {
	case cluster.Sockets:
		return encodeJSON(TypeSockets, struct {
			RequestID string           `json:"requestId"`
			Sockets   []cluster.Socket `json:"sockets"`
		}{id, CompleteSockets(reply)})
	case cluster.ClientCount:
		return encodeJSON(TypeClientCount, struct {
			RequestID   string `json:"requestId"`
			ClientCount int    `json:"clientCount"`
		}{id, int(reply)})
	case cluster.ClientAck:
		first, _ := reply.Data.Index(0)
		return encodePacket(TypeClientAck, id, first), nil
	case cluster.ServerAck:
		return encodePacket(TypeServerAck, id, reply.Data), nil
	case cluster.StaleClosed:
		return encodeJSON(TypeStaleClosed, struct {
			RequestID string `json:"requestId"`
			Recalled  bool   `json:"recalled"`
		}{id, bool(reply)})
	}
	return Draft{}, fmt.Errorf("reply %T has no message", reply)
}

// encodeJSON returns a message whose data contains no binary.
func encodeJSON(typ int, data any) (Draft, error) {
	text, err := Stringify(data)
	return Draft{Type: typ, head: text}, err
}

// encodeEmit returns an emit. With an id, clients must acknowledge it within timeout, in
// milliseconds.
func encodeEmit(op *cluster.Emit, id string, timeout int64) (d Draft, err error) {
	if event, ok := op.Data.Lookup(); !ok || !IsEvent(event) {
		return d, ErrNoEvent
	}
	options, err := Stringify(NewEmitOpts(op, timeout))
	if err != nil {
		return d, err
	}
	rest := make([]byte, 0, len(options)+64)
	rest = append(rest, '}')
	if id != "" {
		rest = append(append(rest, `,"requestId":`...), quoteJSON(id)...)
	}
	rest = append(append(append(rest, `,"opts":`...), options...), '}')
	return Draft{TypeEmit, []byte(`{"packet":{"type":2,"data":`), rest, op.Data}, nil
}

// encodeRooms returns a join or leave.
func encodeRooms(typ int, t rooms.Target, names []string) (Draft, error) {
	return encodeJSON(typ, struct {
		Opts  Opts     `json:"opts"`
		Rooms RoomList `json:"rooms"`
	}{NewOpts(t), append(RoomList{}, names...)})
}

// encodeSetData returns a change of the data of sockets.
func encodeSetData(op *cluster.SetData) (Draft, error) {
	a, err := NewAssignment(op)
	if err != nil {
		return Draft{}, err
	}
	return encodeJSON(TypeSetData, struct {
		Opts Opts `json:"opts"`
		Assignment
	}{NewOpts(op.Target), a})
}

// encodeFetchSockets returns a request for the sockets of a target.
func encodeFetchSockets(id string, t rooms.Target) (Draft, error) {
	return encodeJSON(TypeFetchSockets, struct {
		Opts      Opts   `json:"opts"`
		RequestID string `json:"requestId"`
	}{NewOpts(t), id})
}

// encodeServerEmit returns a server-side emit. With an id, the other nodes reply to it. The
// event must be an array that begins with a name: other data crashes some nodes of Node.js.
func encodeServerEmit(id string, event sio.Data) (Draft, error) {
	event, ok := event.Lookup()
	if !ok || !IsServerEvent(event) {
		return Draft{}, ErrNoServerEvent
	}
	return encodePacket(TypeServerEmit, id, event), nil
}

// encodePacket returns a message with {requestId, packet}, and omits empty ones.
func encodePacket(typ int, id string, packet sio.Data) Draft {
	head := []byte{'{'}
	if id != "" {
		head = append(append(head, `"requestId":`...), quoteJSON(id)...)
	}
	if len(packet.JSON) == 0 {
		return Draft{Type: typ, head: append(head, '}')}
	}
	if id != "" {
		head = append(head, ',')
	}
	packet.JSON = bytes.TrimSpace(packet.JSON)
	return Draft{typ, append(head, `"packet":`...), []byte{'}'}, packet}
}

// quoteJSON returns an id as a JSON string.
func quoteJSON(id string) []byte {
	text, _ := json.Marshal(id) // a string always marshals
	return text
}
