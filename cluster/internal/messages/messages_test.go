package messages

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// TestOptsAcceptVariantsOfNodejs reads options as several versions and languages write them.
func TestOptsAcceptVariantsOfNodejs(t *testing.T) {
	tests := []struct{ text, want string }{
		{`{"rooms":["a",1,1.5,1e2],"except":"b"}`, `[a 1 1.5 100] [b] {false false false} 0`},
		{`{"rooms":null,"except":[],"flags":null}`, `[] [] {false false false} 0`},
		{`{"rooms":7,"flags":[]}`, `[7] [] {false false false} 0`},
		{`{"flags":{"volatile":true,"compress":false,"timeout":10.9,"broadcast":true}}`, `[] [] {true false true} 10`},
		{`{"flags":{"volatile":"yes","compress":true,"timeout":-1}}`, `[] [] {false false false} 0`},
		{`{"rooms":["r\ud83d","r\ud83e","r\ud83d\ude00"]}`, "[\xff\"r\\ud83d\" \xff\"r\\ud83e\" r😀] [] {false false false} 0"},
		{`{"rooms":{}}`, "error"},
		{`{"except":[[]]}`, "error"},
	}
	for _, tt := range tests {
		var o Opts
		got := "error"
		if err := json.Unmarshal([]byte(tt.text), &o); err == nil {
			got = fmt.Sprint([]string(o.Rooms), []string(o.Except), o.Flags.ClusterFlags(), o.Flags.Timeout)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}

// TestDraftsMatchWireFormat compares the data of messages to the byte.
func TestDraftsMatchWireFormat(t *testing.T) {
	event := sio.Data{JSON: []byte(`["e",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1}}}
	target := rooms.Target{In: []string{"<r>"}}
	emit := cluster.Emit{Target: target, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: event}
	tests := []struct {
		draft func() (Draft, error)
		want  string
	}{
		{
			func() (Draft, error) { return EncodeOperation(emit) },
			`3{"packet":{"type":2,"data":["e",{"_placeholder":true,"num":0}]},"opts":{"rooms":["<r>"],"except":[],"flags":{"volatile":true,"compress":false}}}`,
		},
		{
			func() (Draft, error) { return EncodeRequest("id", cluster.EmitAck{Emit: emit}, 5) },
			`3{"packet":{"type":2,"data":["e",{"_placeholder":true,"num":0}]},"requestId":"id","opts":{"rooms":["<r>"],"except":[],"flags":{"volatile":true,"compress":false,"timeout":5}}}`,
		},
		{func() (Draft, error) { return EncodeOperation(cluster.Join{Target: target}) }, `4{"opts":{"rooms":["<r>"],"except":[],"flags":{}},"rooms":[]}`},
		{func() (Draft, error) { return EncodeOperation(cluster.Disconnect{Close: true}) }, `6{"opts":{"rooms":[],"except":[],"flags":{}},"close":true}`},
		{func() (Draft, error) { return EncodeRequest("id", cluster.AllRooms{}, 0) }, `7{"opts":{"rooms":[],"except":[],"flags":{}},"requestId":"id"}`},
		{func() (Draft, error) { return EncodeReply("id", cluster.ClientAck{Data: sio.Array()}) }, `12{"requestId":"id"}`},
		{func() (Draft, error) { return EncodeReply(`"`, cluster.ServerAck{Data: Null}) }, `10{"requestId":"\"","packet":null}`},
	}
	for _, tt := range tests {
		d, err := tt.draft()
		if got := fmt.Sprint(d.Type, string(d.Data("", "").JSON)); err != nil || got != tt.want {
			t.Errorf("%v\n got %s\nwant %s", err, got, tt.want)
		}
	}
}
