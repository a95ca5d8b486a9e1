// Package openapi tests a client in Go that ogen makes from openapi.yaml.
package openapi

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/test/openapi/testdata/socketioapi"
	"github.com/go-faster/jx"
	"github.com/ogen-go/ogen/ogenerrors"
)

// adminEndpoint has no credentials: Caddy's admin endpoint needs none.
type adminEndpoint struct{}

func (adminEndpoint) BasicAuth(context.Context, socketioapi.OperationName) (socketioapi.BasicAuth, error) {
	return socketioapi.BasicAuth{}, ogenerrors.ErrSkipClientSecurity
}

func (adminEndpoint) BearerAuth(context.Context, socketioapi.OperationName) (socketioapi.BearerAuth, error) {
	return socketioapi.BearerAuth{}, ogenerrors.ErrSkipClientSecurity
}

// endpoint is the environment variable with the address of the admin endpoint.
const endpoint = "SOCKETIO_ENDPOINT"

func newClient(t *testing.T) *socketioapi.Client {
	t.Helper()
	address := os.Getenv(endpoint)
	if address == "" {
		t.Skip("openapi.test.js runs this test: " + endpoint + " is not set")
	}
	c, err := socketioapi.NewClient(address+"/socketio", adminEndpoint{}, socketioapi.WithClient(http.DefaultClient))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGeneratedClientEmits(t *testing.T) {
	c := newClient(t)
	emit := func(request socketioapi.EmitReq) socketioapi.EmitOK {
		t.Helper()
		reply, err := c.Emit(t.Context(), request, socketioapi.EmitParams{})
		if err != nil {
			t.Fatal(err)
		}
		ok, isOK := reply.(*socketioapi.EmitOK)
		if !isOK {
			t.Fatalf("got %#v", reply)
		}
		return *ok
	}
	news := socketioapi.Emit{Event: "news", Args: []jx.Raw{jx.Raw(`"hello"`), jx.Raw(`{"list":[1,null]}`)}}
	one := socketioapi.NewEmitEmitReqApplicationJSON(news)
	if reply := emit(&one); !reply.IsEmitReply() || reply.EmitReply.Delivered != 0 {
		t.Errorf("one event: got %+v", reply)
	}
	batch := socketioapi.NewEmitBatchEmitReqApplicationJSON(socketioapi.EmitBatch{news, {Event: ""}})
	if reply := emit(&batch); !reply.IsBatchReply() || reply.BatchReply.Emits != 1 || len(reply.BatchReply.Errors) != 1 {
		t.Errorf("batch: got %+v", reply)
	}
	stream := &socketioapi.EmitReqApplicationXNdjson{Data: strings.NewReader("{\"event\":\"a\"}\n{\"event\":\"b\"}\n")}
	if reply := emit(stream); !reply.IsBatchReply() || reply.BatchReply.Emits != 2 {
		t.Errorf("stream: got %+v", reply)
	}
}

func TestGeneratedClientLists(t *testing.T) {
	c := newClient(t)
	joined, err := c.Join(t.Context(), &socketioapi.Membership{In: []socketioapi.RoomName{"nobody"}, Rooms: []socketioapi.RoomName{"vip"}}, socketioapi.JoinParams{})
	if reply, ok := joined.(*socketioapi.SocketsReply); err != nil || !ok || reply.Sockets != 0 {
		t.Errorf("join: got %#v, %v", joined, err)
	}
	rooms, err := c.Rooms(t.Context(), socketioapi.RoomsParams{Own: socketioapi.NewOptBool(true)})
	if list, ok := rooms.(*socketioapi.RoomsOKApplicationJSON); err != nil || !ok || len(*list) != 0 {
		t.Errorf("rooms: got %#v, %v", rooms, err)
	}
	status, err := c.Status(t.Context())
	if reply, ok := status.(*socketioapi.Status); err != nil || !ok || reply.Hubs[0].Name != "default" {
		t.Errorf("status: got %#v, %v", status, err)
	}
	wrong, err := c.Rooms(t.Context(), socketioapi.RoomsParams{Hub: socketioapi.NewOptString("nope")})
	if _, ok := wrong.(*socketioapi.RoomsNotFound); err != nil || !ok {
		t.Errorf("unknown hub: got %#v, %v", wrong, err)
	}
}
