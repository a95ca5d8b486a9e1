package redisadapter

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// encodeEmit returns the message of an emit: [uid, packet, opts].
func encodeEmit(uid, namespace string, op *cluster.Emit) ([]byte, error) {
	b := make([]byte, 0, op.Data.Size()+len(namespace)+128)
	b = msgpack.AppendArray(b, 3)
	b = msgpack.AppendString(b, uid)
	b, err := appendPacket(b, namespace, op)
	if err != nil {
		return nil, err
	}
	return appendOpts(b, op, 0), nil
}

// appendPacket appends {type, data, nsp}.
func appendPacket(b []byte, namespace string, op *cluster.Emit) ([]byte, error) {
	b = msgpack.AppendMap(b, 3)
	b = append(msgpack.AppendString(b, "type"), messages.PacketEvent)
	b = msgpack.AppendString(b, "data")
	// Some Node.js servers end when data is not an event.
	name := bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimSpace(op.Data.JSON), []byte("[")), " \t\r\n")
	if len(name) == 0 || len(name) == len(op.Data.JSON) || name[0] != '"' && name[0] != '-' && (name[0] < '0' || name[0] > '9') {
		return nil, messages.ErrNoEvent
	}
	b, err := msgpack.AppendData(b, op.Data)
	if err != nil {
		return nil, err
	}
	return msgpack.AppendString(msgpack.AppendString(b, "nsp"), namespace), nil
}

// appendOpts appends {rooms, except, flags}, with a timeout in milliseconds as a flag
// unless it is 0.
func appendOpts(b []byte, op *cluster.Emit, timeout int64) []byte {
	b = msgpack.AppendMap(b, 3)
	b = msgpack.AppendStrings(msgpack.AppendString(b, "rooms"), op.In)
	b = msgpack.AppendStrings(msgpack.AppendString(b, "except"), op.Except)
	b = msgpack.AppendString(b, "flags")
	flags := 0
	for _, set := range [...]bool{op.Volatile, op.NoCompress, timeout > 0, op.Trace != nil} {
		if set {
			flags++
		}
	}
	b = msgpack.AppendMap(b, flags)
	if op.Volatile {
		b = msgpack.AppendBool(msgpack.AppendString(b, "volatile"), true)
	}
	if op.NoCompress {
		b = msgpack.AppendBool(msgpack.AppendString(b, "compress"), false)
	}
	if timeout > 0 {
		b = msgpack.AppendInt(msgpack.AppendString(b, "timeout"), timeout)
	}
	if op.Trace != nil {
		b = msgpack.AppendString(msgpack.AppendString(b, "traceparent"), op.Trace.String())
	}
	return b
}

// decodeEmit reads an emit that arrived by the channel of a room, or by the common one if
// room is "". It returns false for an emit of this node, uid, or for another namespace.
// Errors wrap messages.ErrMalformed.
func decodeEmit(message, room, uid, namespace string) (op cluster.Emit, ok bool, err error) {
	r := msgpack.NewReader(message)
	n := r.Array()
	if n < 2 {
		return op, false, fmt.Errorf("%w: no tuple", messages.ErrMalformed)
	}
	if r.Kind() != msgpack.String {
		r.Skip()
	} else if r.Text() == uid {
		return op, false, nil
	}
	nsp, valid := readPacket(r, &op)
	if n > 2 {
		readOpts(r, &op)
	}
	for range n - 3 {
		r.Skip()
	}
	if err := r.End(); err != nil {
		return op, false, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if !valid {
		return op, false, fmt.Errorf("%w: no event", messages.ErrMalformed)
	}
	restrictToRoom(&op.Target, room)
	return op, nsp == namespace, nil
}

// restrictToRoom restricts a target of several rooms to the room whose channel the emit
// arrived by, except sockets in the rooms before it. Old emitters publish an emit to the
// channel of each room, and sockets in several rooms would receive it several times.
func restrictToRoom(t *rooms.Target, room string) {
	if i := slices.Index(t.In, room); i >= 0 && room != "" && len(t.In) > 1 {
		t.Except = slices.Concat(t.Except, t.In[:i])
		t.In = t.In[i : i+1]
	}
}

// readPacket reads {type, data, nsp}. valid is true for an event that may be sent to
// clients.
func readPacket(r *msgpack.Reader, op *cluster.Emit) (namespace string, valid bool) {
	namespace = "/"
	typ, event := int64(messages.PacketEvent), false
	for range r.Map() {
		switch r.Text() {
		case "type":
			typ, _ = r.Int()
		case "data":
			event = isEvent(*r)
			op.Data = r.Data()
		case "nsp":
			if r.Kind() == msgpack.Nil {
				r.Skip()
			} else {
				namespace = r.Text()
			}
		default:
			r.Skip()
		}
	}
	return namespace, event && (typ == messages.PacketEvent || typ == messages.PacketBinaryEvent)
}

// isEvent reports whether the next value is an array that begins with an event's name.
func isEvent(r msgpack.Reader) bool {
	if r.Kind() != msgpack.Array || r.Array() == 0 {
		return false
	}
	return r.Kind() == msgpack.Number || r.Kind() == msgpack.String && !messages.IsReserved(r.Text())
}

// readOpts reads {rooms, except, flags}. Emitters of some languages write another empty
// value in place of an empty object.
func readOpts(r *msgpack.Reader, op *cluster.Emit) {
	if skipEmpty(r) {
		return
	}
	for range r.Map() {
		switch r.Text() {
		case "rooms":
			op.In = readRooms(r)
		case "except":
			op.Except = readRooms(r)
		case "flags":
			readFlags(r, op)
		default:
			r.Skip()
		}
	}
}

// readFlags reads {volatile, compress, traceparent}.
func readFlags(r *msgpack.Reader, op *cluster.Emit) {
	if skipEmpty(r) {
		return
	}
	for range r.Map() {
		switch name := r.Text(); {
		case name == "volatile" && r.Kind() == msgpack.Bool:
			op.Volatile = r.Bool()
		case name == "compress" && r.Kind() == msgpack.Bool:
			op.NoCompress = !r.Bool()
		case name == "traceparent" && r.Kind() == msgpack.String:
			op.Trace = cluster.ParseTraceparent(r.Text())
		default:
			r.Skip()
		}
	}
}

// readRooms reads a list of rooms, or a single one. Numbers are rooms, too.
func readRooms(r *msgpack.Reader) []string {
	if skipEmpty(r) {
		return nil
	}
	if r.Kind() != msgpack.Array {
		return []string{r.Text()}
	}
	n := r.Array()
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.Text())
	}
	return list
}

// skipEmpty skips nil, an empty string or an empty array, and reports whether it did.
func skipEmpty(r *msgpack.Reader) bool {
	peek := *r
	switch r.Kind() {
	case msgpack.Nil:
	case msgpack.String:
		if peek.Text() != "" {
			return false
		}
	case msgpack.Array:
		if peek.Array() != 0 {
			return false
		}
	default:
		return false
	}
	r.Skip()
	return true
}
