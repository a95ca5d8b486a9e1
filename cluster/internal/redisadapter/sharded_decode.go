package redisadapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// shardedMessage is a message of the sharded dialect.
type shardedMessage struct {
	peer.Message
	event sio.Data // of an emit that was read the short way
}

// decodeShardedMessage reads a message. Errors wrap peer.ErrMalformed.
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
		return nil, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	if err := m.decodeData(); err != nil {
		return nil, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	return m, nil
}

// decodeData reads what data is made of: of an emit, by far the most frequent, only
// what there is besides the packet.
func (m *shardedMessage) decodeData() error {
	switch {
	case len(m.Data.JSON) == 0:
		return nil // as heartbeats are
	case m.Type != peer.TypeEmit:
		return json.Unmarshal(m.Data.JSON, &m.Body)
	}
	if id, ok := m.Data.Lookup("requestId"); ok {
		m.RequestID = peer.Text(id.Text())
	}
	if o, ok := m.Data.Lookup("opts"); ok {
		return json.Unmarshal(o.JSON, &m.Opts)
	}
	return nil
}

// How an emit begins that servers write, which is what most messages are, and how
// it goes on.
const (
	emitHead = `{"type":3,"data":{"packet":{"type":2,"data":`
	emitOpts = `},"opts":`
	emitUID  = `},"uid":"`
	emitNsp  = `","nsp":"`
	emitEnd  = `"}`
)

// decodeShort reads an emit that looks as servers write it. It returns false for
// everything else. The pieces are found from the end: none of what is between them
// can be part of a string, which would have a backslash before its quotes.
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
	m.Type = peer.TypeEmit
	m.UID, m.Nsp = rest[uid+len(emitUID):nsp], rest[nsp+len(emitNsp):len(rest)-len(emitEnd)]
	if strings.ContainsFunc(m.UID+m.Nsp, isSpecial) || !utf8.ValidString(message) {
		return false
	}
	m.event, ok = sio.Data{JSON: []byte(rest[:opts])}.Lookup()
	return ok && json.Unmarshal([]byte(rest[opts+len(emitOpts):uid]), &m.Opts) == nil
}

// isSpecial reports whether a character can't be in a JSON string as it is.
func isSpecial(r rune) bool { return r == '"' || r == '\\' || r < ' ' }

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

func (m *shardedMessage) decodeMessagePack(message string) error {
	r := msgpack.NewReader(message)
	if r.Kind() != msgpack.Map {
		return errors.New("no object")
	}
	return m.ReadMsgPack(r)
}

// emit returns the emit that a message is.
func (m *shardedMessage) emit() (op cluster.Emit, err error) {
	o, err := m.RequireOpts()
	if err != nil {
		return op, err
	}
	event := m.event
	if len(event.JSON) == 0 {
		if event, err = m.packetEvent(); err != nil {
			return op, err
		}
	}
	return o.Emit(event)
}

// packetEvent returns the event of a packet.
func (m *shardedMessage) packetEvent() (event sio.Data, err error) {
	if typ, ok := m.Data.Lookup("packet", "type"); ok {
		if t, err := strconv.Atoi(string(typ.JSON)); err != nil || t != peer.PacketEvent && t != peer.PacketBinaryEvent {
			return event, fmt.Errorf("%w: packet of type %s", peer.ErrMalformed, typ.Text())
		}
	}
	event, _ = m.Data.Lookup("packet", "data")
	return event, nil
}

// parseShardedReplyID returns which request a message answers; nothing when it does not
// say.
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

// seekKey walks to the value of a key.
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
