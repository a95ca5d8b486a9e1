package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// shardMessage is a message of the sharded dialect.
type shardMessage struct {
	typ      int
	uid, nsp string
	data     sio.Data
	event    sio.Data // of an emit that was read the short way
	shardData
}

// shardData is what there may be in data.
type shardData struct {
	RequestID   text            `json:"requestId"`
	Packet      json.RawMessage `json:"packet"`
	Opts        *opts           `json:"opts"`
	Rooms       list            `json:"rooms"`
	Close       bool            `json:"close"`
	Sockets     []remoteSocket  `json:"sockets"`
	ClientCount *int            `json:"clientCount"`
}

// decodeShard reads a message. Errors wrap errMalformed.
func decodeShard(message string) (*shardMessage, error) {
	m := new(shardMessage)
	if m.readShort(message) {
		return m, nil
	}
	m = new(shardMessage)
	read := m.readMessagePack
	if strings.HasPrefix(message, "{") {
		read = m.readJSON
	}
	if err := read(message); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if err := m.readData(); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

// readData reads what data is made of: of an emit, by far the most frequent, only
// what there is besides the packet.
func (m *shardMessage) readData() error {
	switch {
	case len(m.data.JSON) == 0:
		return nil // as heartbeats are
	case m.typ != shardEmit:
		return json.Unmarshal(m.data.JSON, &m.shardData)
	}
	if id, ok := m.data.Lookup("requestId"); ok {
		m.RequestID = text(id.Text())
	}
	if o, ok := m.data.Lookup("opts"); ok {
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

// readShort reads an emit that looks as servers write it. It returns false for
// everything else. The pieces are found from the end: none of what is between them
// can be part of a string, which would have a backslash before its quotes.
func (m *shardMessage) readShort(message string) bool {
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
	m.typ = shardEmit
	m.uid, m.nsp = rest[uid+len(emitUID):nsp], rest[nsp+len(emitNsp):len(rest)-len(emitEnd)]
	if strings.ContainsFunc(m.uid+m.nsp, special) || !utf8.ValidString(message) {
		return false
	}
	m.event, ok = sio.Data{JSON: []byte(rest[:opts])}.Lookup()
	return ok && json.Unmarshal([]byte(rest[opts+len(emitOpts):uid]), &m.Opts) == nil
}

// special reports whether a character can't be in a JSON string as it is.
func special(r rune) bool { return r == '"' || r == '\\' || r < ' ' }

func (m *shardMessage) readJSON(message string) error {
	message = strings.ToValidUTF8(message, "\uFFFD")
	whole, ok := sio.Data{JSON: []byte(message)}.Lookup()
	if !ok {
		return errors.New("no JSON")
	}
	typ, _ := whole.Lookup("type")
	uid, _ := whole.Lookup("uid")
	nsp, _ := whole.Lookup("nsp")
	m.uid, m.nsp = uid.Text(), nsp.Text()
	m.data, _ = whole.Lookup("data")
	var err error
	m.typ, err = strconv.Atoi(string(typ.JSON))
	return err
}

func (m *shardMessage) readMessagePack(message string) error {
	r := msgpack.NewReader(message)
	if r.Kind() != msgpack.Map {
		return errors.New("no object")
	}
	var data *msgpack.Reader
	for range r.Map() {
		switch key := r.Text(); {
		case key == "type" && r.Kind() == msgpack.Number:
			typ, _ := r.Int()
			m.typ = int(typ)
		case key == "uid" && r.Kind() == msgpack.String:
			m.uid = r.Text()
		case key == "nsp" && r.Kind() == msgpack.String:
			m.nsp = r.Text()
		default:
			if key == "data" {
				data = new(*r)
			}
			r.Skip()
		}
	}
	if err := r.End(); err != nil || data == nil {
		return err
	}
	if m.typ == shardSockets {
		m.data = sio.Data{JSON: data.JSON()} // much of many sockets' data may be binary
	} else {
		m.data = data.Data()
	}
	return data.Err()
}

// packet returns what is in data under that name, null when nothing is.
func (m *shardMessage) packet() sio.Data {
	if p, ok := m.data.Lookup("packet"); ok {
		return p
	}
	return sio.Data{JSON: []byte("null")}
}

// options returns the options of a message, which must have some.
func (m *shardMessage) options() (*opts, error) {
	if m.Opts == nil {
		return nil, fmt.Errorf("%w: message of type %d without opts", errMalformed, m.typ)
	}
	return m.Opts, nil
}

// emit returns the emit that a message is.
func (m *shardMessage) emit() (op cluster.Emit, err error) {
	o, err := m.options()
	if err != nil {
		return op, err
	}
	if len(m.event.JSON) > 0 {
		op.Data = m.event
	} else if op.Data, err = m.readPacket(); err != nil {
		return op, err
	}
	op.Target = o.target()
	op.Volatile, op.NoCompress = o.Flags.Volatile, o.Flags.NoCompress
	if !isClientEvent(op.Data) {
		return op, fmt.Errorf("%w: packet without an event", errMalformed)
	}
	return op, nil
}

// readPacket returns the event of a packet.
func (m *shardMessage) readPacket() (event sio.Data, err error) {
	if typ, ok := m.data.Lookup("packet", "type"); ok {
		if t, err := strconv.Atoi(string(typ.JSON)); err != nil || t != typeEvent && t != typeBinaryEvent {
			return event, fmt.Errorf("%w: packet of type %s", errMalformed, typ.Text())
		}
	}
	event, _ = m.data.Lookup("packet", "data")
	return event, nil
}

func (m *shardMessage) sockets() cluster.Sockets {
	all := make(cluster.Sockets, len(m.Sockets))
	for i := range m.Sockets {
		all[i] = m.Sockets[i].socket()
	}
	return all
}

// rooms returns the rooms that the sockets of a message are in.
func (m *shardMessage) rooms() cluster.Rooms {
	names, seen := cluster.Rooms{}, make(map[string]bool)
	for i := range m.Sockets {
		for _, name := range m.Sockets[i].Rooms {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// shardResponseID returns which request a message answers; nothing when it does not
// say.
func shardResponseID(message string) string {
	if strings.HasPrefix(message, "{") {
		id, _ := sio.Data{JSON: []byte(message)}.Lookup("data", "requestId")
		return id.Text()
	}
	r := msgpack.NewReader(message)
	for _, wanted := range [...]string{"data", "requestId"} {
		if !seek(r, wanted) {
			return ""
		}
	}
	return r.Text()
}

// seek walks to the value of a key.
func seek(r *msgpack.Reader, wanted string) bool {
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
