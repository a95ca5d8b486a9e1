package redisadapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// shardedMessage is a message of the sharded dialect.
type shardedMessage struct {
	messages.Message
	event sio.Data // of an emit that decodeShort read
}

// decodeShardedMessage reads a message. Errors wrap messages.ErrMalformed.
func decodeShardedMessage(message string) (*shardedMessage, error) {
	m := new(shardedMessage)
	if m.decodeShort(message) {
		return m, nil
	}
	m = new(shardedMessage)
	decode := m.decodeMessagePack
	if strings.HasPrefix(message, "{") {
		decode = m.decodeJSON
	}
	if err := decode(message); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	if err := m.decodeData(); err != nil {
		return nil, fmt.Errorf("%w: %w", messages.ErrMalformed, err)
	}
	return m, nil
}

// decodeData reads the members of data. Of an emit, by far the most frequent message, it
// leaves out the packet.
func (m *shardedMessage) decodeData() error {
	switch {
	case len(m.Data.JSON) == 0:
		return nil // a heartbeat
	case m.Type != messages.TypeEmit:
		return json.Unmarshal(m.Data.JSON, &m.Body)
	}
	if id, ok := m.Data.Lookup("requestId"); ok {
		m.RequestID = messages.Text(id.Text())
	}
	if o, ok := m.Data.Lookup("opts"); ok {
		return json.Unmarshal(o.JSON, &m.Opts)
	}
	return nil
}

// Parts of an emit in the form that Node.js and this package write: most messages.
const (
	emitHead = `{"type":3,"data":{"packet":{"type":2,"data":`
	emitOpts = `},"opts":`
	emitUID  = `},"uid":"`
	emitNsp  = `","nsp":"`
	emitEnd  = `"}`
)

// decodeShort reads an emit in the usual form. It returns false for all other messages.
// It looks for the parts from the end: no string contains one of them, because quotes in a
// string have a backslash before them.
func (m *shardedMessage) decodeShort(message string) bool {
	rest, ok := strings.CutPrefix(message, emitHead)
	if !ok {
		return false
	}
	opts := strings.LastIndex(rest, emitOpts)
	uid := strings.LastIndex(rest, emitUID)
	nsp := strings.LastIndex(rest, emitNsp)
	if opts < 0 || uid < opts || nsp < uid+len(emitUID) || !strings.HasSuffix(rest, emitEnd) || nsp+len(emitNsp) > len(rest)-len(emitEnd) {
		return false
	}
	m.Type = messages.TypeEmit
	m.UID, m.Nsp = rest[uid+len(emitUID):nsp], rest[nsp+len(emitNsp):len(rest)-len(emitEnd)]
	if strings.ContainsFunc(m.UID+m.Nsp, isSpecial) || !utf8.ValidString(message) {
		return false
	}
	m.event, ok = sio.Data{JSON: []byte(rest[:opts])}.Lookup()
	return ok && json.Unmarshal([]byte(rest[opts+len(emitOpts):uid]), &m.Opts) == nil
}

// isSpecial reports whether a character must be escaped in a JSON string.
func isSpecial(r rune) bool { return r == '"' || r == '\\' || r < ' ' }

// decodeJSON reads all but the members of data.
func (m *shardedMessage) decodeJSON(message string) error {
	message = strings.ToValidUTF8(message, "\uFFFD")
	whole, ok := sio.Data{JSON: []byte(message)}.Lookup()
	if !ok {
		return errors.New("no JSON")
	}
	typ, _ := whole.Lookup("type")
	uid, _ := whole.Lookup("uid")
	nsp, _ := whole.Lookup("nsp")
	m.UID, m.Nsp = uid.Text(), nsp.Text()
	m.Data, _ = whole.Lookup("data")
	var err error
	m.Type, err = strconv.Atoi(string(typ.JSON))
	return err
}

// decodeMessagePack reads all but the members of data.
func (m *shardedMessage) decodeMessagePack(message string) error {
	r := msgpack.NewReader(message)
	if r.Kind() != msgpack.Map {
		return errors.New("no object")
	}
	return m.ReadMsgPack(r)
}

// parseEmit returns the emit of a message.
func (m *shardedMessage) parseEmit() (op cluster.Emit, err error) {
	o, err := m.RequireOpts()
	if err != nil {
		return op, err
	}
	event := m.event
	if len(event.JSON) == 0 {
		if event, err = m.parsePacket(); err != nil {
			return op, err
		}
	}
	return o.Emit(event)
}

// parsePacket returns the event of a packet.
func (m *shardedMessage) parsePacket() (event sio.Data, err error) {
	if typ, ok := m.Data.Lookup("packet", "type"); ok {
		if t, err := strconv.Atoi(string(typ.JSON)); err != nil || t != messages.PacketEvent && t != messages.PacketBinaryEvent {
			return event, fmt.Errorf("%w: packet of type %s", messages.ErrMalformed, typ.Text())
		}
	}
	event, _ = m.Data.Lookup("packet", "data")
	return event, nil
}

// parseShardedReplyID returns the id of the request that a message replies to, or "".
func parseShardedReplyID(message string) string {
	if strings.HasPrefix(message, "{") {
		id, _ := sio.Data{JSON: []byte(message)}.Lookup("data", "requestId")
		return id.Text()
	}
	r := msgpack.NewReader(message)
	for _, wanted := range [...]string{"data", "requestId"} {
		if !seekKey(r, wanted) {
			return ""
		}
	}
	return r.Text()
}

// seekKey moves the reader to the value of a key.
func seekKey(r *msgpack.Reader, wanted string) bool {
	if r.Kind() != msgpack.Map {
		return false
	}
	for range r.Map() {
		if r.Text() == wanted {
			return true
		}
		r.Skip()
	}
	return false
}
