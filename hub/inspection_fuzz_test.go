package hub

import (
	"encoding/json"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// FuzzInspection checks that replies of other nodes to an inspection are of the socket, and
// can be written as JSON with all fields that readers require.
func FuzzInspection(f *testing.F) {
	f.Add([]byte(`{"_inspection":{"id":"a","namespace":"/","state":"connected","rooms":["a"],"data":{},"handshake":{"time":"","address":""}}}`))
	f.Add([]byte(`{"_inspection":{}}`))
	f.Add([]byte(`{"_inspection":{"id":"b","close":{}}}`))
	f.Add([]byte(`{"_admin":{"clientId":"x","transport":"polling"},"name":"ada"}`))
	f.Add([]byte(`[1`))
	f.Add([]byte(`null`))
	h := New(Options{})
	f.Cleanup(h.Close)
	ns := h.Of("/")
	f.Fuzz(func(t *testing.T, data []byte) {
		found := ns.readInspection(cluster.Socket{ID: "a", Data: data}, "a")
		text, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		if found == nil || found.Rooms == nil || found.Data == nil || found.Namespace == "" {
			t.Errorf("got %s", text)
		}
	})
}
