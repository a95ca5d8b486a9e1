package hub

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzConnection checks that the connection of a socket on another node is split from the
// data of the socket as it was added, and that other data stays as it is.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(`{"_admin":{"clientId":"abc","transport":"polling"},"name":"ada"}`), "id", "websocket")
	f.Add([]byte(`{"_admin":{"clientId":1}}`), "", "")
	f.Add([]byte(`{"_admin":null,"_admin":{}}`), "\u2028", "")
	f.Add([]byte(`["_admin"]`), "a", "")
	f.Add([]byte(`{}`), "a", "")
	f.Fuzz(func(t *testing.T, data []byte, client, transport string) {
		if rest, c := splitConnection(data); c.ClientID == "" && string(rest) != string(data) || c.ClientID != "" && !json.Valid(rest) {
			t.Errorf("%q is split into %q and %+v", data, rest, c)
		}
		var members map[string]json.RawMessage
		want := Connection{ClientID: client, Transport: transport}
		if json.Unmarshal(data, &members) != nil || client == "" || !utf8.ValidString(client+transport) {
			return
		}
		rest, c := splitConnection(addConnection(data, want))
		if c != want {
			t.Errorf("%+v is added to %q, and split as %+v", want, data, c)
		}
		var left map[string]json.RawMessage
		delete(members, connectionKey)
		if json.Unmarshal(rest, &left) != nil || len(left) != len(members) {
			t.Errorf("%q is left of %q", rest, data)
		}
	})
}
