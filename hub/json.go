package hub

import (
	"encoding/json"
	"net/url"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// noArgs is an empty list of arguments.
var noArgs = sio.Data{JSON: []byte("[]")}

// noAuth is the auth of a connect packet without one.
var noAuth = sio.Data{JSON: []byte("{}")}

// jsonText returns a string as JSON. Bytes that are not UTF-8 are replaced.
func jsonText(s string) sio.Data {
	b, _ := json.Marshal(s) // a string always marshals
	return sio.Data{JSON: b}
}

// jsonList returns strings as a JSON array.
func jsonList(items []string) sio.Data {
	b, _ := json.Marshal(items) // strings always marshal
	if items == nil {
		b = noArgs.JSON
	}
	return sio.Data{JSON: b}
}

// jsonObject returns values as a JSON object, in the order of their keys.
func jsonObject(values map[string]sio.Data) sio.Data {
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

// queryObject returns a query as a JSON object of strings: the last value of each key.
func queryObject(query url.Values) sio.Data {
	values := make(map[string]sio.Data, len(query))
	for key, all := range query {
		values[key] = sio.Quote(all[len(all)-1])
	}
	return jsonObject(values)
}

// jsonWithoutAttachments returns data as JSON with its attachments in it, and null for
// empty data.
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
