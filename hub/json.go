package hub

import (
	"encoding/json"
	"net/url"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// noArgs are the arguments of events that have none.
var noArgs = sio.Data{JSON: []byte("[]")}

// noAuth is what a client connected with that gave nothing.
var noAuth = sio.Data{JSON: []byte("{}")}

// jsonText is a string as JSON. Strings that are not UTF-8 become so.
func jsonText(s string) sio.Data {
	b, _ := json.Marshal(s) // a string always marshals
	return sio.Data{JSON: b}
}

// jsonList is a JSON array of strings.
func jsonList(items []string) sio.Data {
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

// jsonWithoutAttachments is data as JSON that needs no attachments, null when there is none.
func jsonWithoutAttachments(d sio.Data) json.RawMessage {
	if len(d.JSON) == 0 {
		return json.RawMessage("null")
	}
	b, err := d.MarshalJSON()
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
