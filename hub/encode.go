package hub

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// noArgs are the arguments of events that have none.
var noArgs = sio.Data{JSON: []byte("[]")}

// noAuth is what a client connected with that gave nothing.
var noAuth = sio.Data{JSON: []byte("{}")}

// newID makes the id of a socket: 120 random bits in 20 characters.
func newID() string {
	var b [15]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// connectPacket tells a client that it is connected. Clients of Socket.IO 2 know
// their id already.
func connectPacket(s *Socket) *eio.Message {
	p := sio.Packet{Type: sio.Connect, Namespace: s.ns.name}
	if s.client.version == sio.V5 {
		p.Data = sio.Data{JSON: []byte(`{"sid":"` + s.id + `"}`)}
		if s.pid != "" {
			p.Data = sio.Data{JSON: []byte(`{"sid":"` + s.id + `","pid":"` + s.pid + `"}`)}
		}
	}
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		panic(err) // it has nothing in it that may not be
	}
	return m
}

// errorData is what a connect error carries.
func errorData(r *ClientError, v sio.Version) sio.Data {
	if v == sio.V4 {
		if len(r.Data.JSON) > 0 {
			return r.Data
		}
		return text(r.Message)
	}
	b := append([]byte(`{"message":`), text(r.Message).JSON...)
	if len(r.Data.JSON) > 0 {
		b = append(append(b, `,"data":`...), r.Data.JSON...)
	}
	return sio.Data{JSON: append(b, '}'), Attachments: r.Data.Attachments}
}

// list is a JSON array of strings.
func list(items []string) sio.Data {
	b, _ := json.Marshal(items) // strings always marshal
	if items == nil {
		b = noArgs.JSON
	}
	return sio.Data{JSON: b}
}

// object is a JSON object of values, in the order of their keys.
func object(values map[string]sio.Data) sio.Data {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	raw := make([][]byte, 0, len(keys)+1)
	items := make([]sio.Data, len(keys))
	before := "{"
	for i, key := range keys {
		raw = append(raw, append(append([]byte(before), sio.Quote(key).JSON...), ':'))
		items[i] = values[key]
		before = ","
	}
	if len(keys) == 0 {
		return sio.Data{JSON: []byte("{}")}
	}
	return sio.Splice(append(raw, []byte("}")), items)
}

// queryObject is a query as a JSON object of strings.
func queryObject(query url.Values) sio.Data {
	values := make(map[string]sio.Data, len(query))
	for key, all := range query {
		values[key] = sio.Quote(all[len(all)-1])
	}
	return object(values)
}

// plainJSON is data as JSON that needs no attachments, null when there is none.
func plainJSON(d sio.Data) json.RawMessage {
	if len(d.JSON) == 0 {
		return json.RawMessage("null")
	}
	b, err := d.MarshalJSON()
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// splitKey splits a dotted key. There is always a first part.
func splitKey(key string) []string { return strings.Split(key, ".") }

// headerName is a header's name as Node has it.
func headerName(name string) string { return strings.ToLower(name) }

// joinHeader is a header's value as Node has it.
func joinHeader(values []string) string { return strings.Join(values, ", ") }
