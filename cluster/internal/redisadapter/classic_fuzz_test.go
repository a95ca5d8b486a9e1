package redisadapter

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func FuzzDecodeEmit(f *testing.F) {
	for _, m := range malformedEmits(f) {
		f.Add([]byte(m), "")
	}
	for _, c := range readClassicTranscript(f) {
		f.Add([]byte(c.decodePayload(f)), "r1")
	}
	f.Fuzz(func(t *testing.T, message []byte, room string) {
		op, ok, err := decodeEmit(string(message), room, "me", "/")
		if !ok {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (sio.Packet{Type: sio.Event, Namespace: "/", Data: op.Data}).Encode(sio.V5, true); err != nil {
			t.Fatalf("clients can't be sent %s: %v", op.Data.JSON, err)
		}
		if _, err := encodeEmit("me", "/", &op); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	for _, m := range malformedRequests {
		f.Add([]byte(m))
	}
	for _, c := range readClassicTranscript(f) {
		f.Add([]byte(c.decodePayload(f)))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		q, err := decodeRequest(string(message))
		if err != nil {
			if !errors.Is(err, messages.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if op, err := q.parseEmit(); err == nil {
			if _, err := (sio.Packet{Type: sio.Event, Namespace: "/", Data: op.Data}).Encode(sio.V5, true); err != nil {
				t.Fatalf("clients can't be sent %s: %v", op.Data.JSON, err)
			}
		}
		if d, err := q.parseServerEvent(); err == nil {
			if _, err := encodeClassicOperation("me", cluster.ServerEmit{Data: d}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, c := range readClassicTranscript(f) {
		if strings.Contains(c.Channel, "-response#") {
			f.Add([]byte(c.decodePayload(f)))
		}
	}
	f.Add([]byte(`{"requestId":"x","sockets":[{"id":1,"handshake":{"headers":{"a":["b"]},"query":null}}]}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		_ = parseReplyID(string(message))
		for _, q := range []cluster.Request{cluster.FetchSockets{}, cluster.AllRooms{}, cluster.EmitAck{}, cluster.ServerEmitAck{}} {
			reply, err := decodeClassicReply(q, string(message))
			if err != nil {
				if !errors.Is(err, messages.ErrMalformed) {
					t.Fatal(err)
				}
				continue
			}
			if _, err := encodeClassicReply("id", reply); err != nil {
				t.Fatalf("%+v: %v", reply, err)
			}
		}
	})
}
