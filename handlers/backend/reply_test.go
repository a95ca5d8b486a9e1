package backend

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzReply parses replies. The operations of an accepted reply can be done and sent to
// any client.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `[]`, `{"ack":["ok"]}`, `{"ack":{}}`, `{"join":["a"],"leave":["b"]}`, `{"join":[""]}`, `{"join":"a"}`,
		`{"emit":[{"event":"x","args":[1,{"$binary":"AQ=="}],"to":["a"],"volatile":true}]}`, `{"emit":[{"event":"disconnect"}]}`,
		`{"emit":[{"event":"x","args":null}]}`, `{"data":{"name":{"_placeholder":true,"num":0}}}`, `{"error":{"message":"no","data":[1]}}`,
		`{"disconnect":true,"unknown":1}`, `{"ack":[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseReply(body)
		if err != nil {
			return
		}
		if err := hub.CheckRooms(append(a.Join, a.Leave...)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		events := []sio.Packet{}
		for _, e := range a.Emit {
			data, err := sio.EventData(e.Event, sio.Array(e.Args...))
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			events = append(events, sio.Packet{Type: sio.Event, Data: data})
		}
		if a.Ack != nil {
			events = append(events, sio.Packet{Type: sio.Ack, HasID: true, Data: *a.Ack})
		}
		for _, p := range events {
			if _, err := p.Encode(sio.V5, false); err != nil && len(p.Data.Attachments) <= sio.MaxAttachments {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}
