package hub_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// newSocketFreeNamespace returns a namespace whose rule for occupied rooms is call, for
// rooms that match a glob.
func newSocketFreeNamespace(t *testing.T, rooms []string, call hub.HandlerFunc) (*hub.Namespace, *observer.ObservedLogs) {
	core, logs := observer.New(zap.ErrorLevel)
	h := hub.New(hub.Options{Name: "test"})
	t.Cleanup(h.Close)
	h.Configure(hub.Config{Log: zap.New(core), Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: []hub.Rule{
		{Events: []string{"*"}, Handlers: []hub.Handler{hub.HandlerFunc(func(context.Context, *hub.Event) error {
			t.Error("a glob for events of clients matches an event without a socket")
			return nil
		})}},
		{Events: []string{"room_occupied"}, Rooms: rooms, Handlers: []hub.Handler{call}},
	}}}})
	return h.Of("/"), logs
}

func TestEventWithoutSocketHasNamespaceAndRoom(t *testing.T) {
	t.Parallel()
	var rooms []string
	ns, logs := newSocketFreeNamespace(t, []string{"room:*", "lobby"}, func(_ context.Context, ev *hub.Event) error {
		rooms = append(rooms, ev.Room)
		if ev.Socket != nil || ev.Namespace().Name() != "/" || ev.Type != hub.RoomOccupied || ev.Name != "room_occupied" {
			t.Errorf("event %+v", ev)
		}
		if room, ok := ev.Lookup("event.room"); !ok || room.Text() != ev.Room {
			t.Errorf("{event.room} is %q", room.Text())
		}
		for _, key := range []string{"socket.id", "socket.data", "jwt.sub", "event.args.0", "event.reason"} {
			if value, ok := ev.Lookup(key); ok {
				t.Errorf("{%s} is %q", key, value.Text())
			}
		}
		ev.SetValue("jwt", sio.Data{JSON: []byte("{}")})
		ev.AddIdentity(hub.Identity{})
		if ev.HasRecovery() || ev.WantsAck() || ev.Credentials() != "" || ev.Ack() != nil {
			t.Error("the event has a socket's abilities")
		}
		return nil
	})
	for _, room := range []string{"lobby", "room:1", "other", "room:"} {
		hub.HandleRoomEvent(ns, hub.RoomOccupied, room)
		hub.HandleRoomEvent(ns, hub.RoomVacated, room)
	}
	if want := []string{"lobby", "room:1", "room:"}; !slices.Equal(rooms, want) {
		t.Errorf("rooms %q, want %q", rooms, want)
	}
	if logs.Len() > 0 {
		t.Errorf("logged %v", logs.All())
	}
}

// Also an error for clients is logged, as no client gets it.
func TestFailureOfEventWithoutSocketIsLogged(t *testing.T) {
	t.Parallel()
	failures := []error{errors.New("broken"), &hub.ClientError{Message: "refused"}, nil}
	ns, logs := newSocketFreeNamespace(t, nil, func(context.Context, *hub.Event) error {
		err := failures[0]
		if failures = failures[1:]; err == nil {
			panic("boom")
		}
		return err
	})
	for range 3 {
		hub.HandleRoomEvent(ns, hub.RoomOccupied, "lobby")
	}
	for message, count := range map[string]int{"event failed": 2, "a handler of the event panicked": 1} {
		found := logs.FilterMessage(message).FilterField(zap.String("room", "lobby")).FilterField(zap.String("event", "room_occupied"))
		if found.Len() != count {
			t.Errorf("%q is logged %d times, want %d: %v", message, found.Len(), count, logs.All())
		}
	}
	if n := ns.Hub().Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
}

// A client may emit events with the names of events in the life of a room.
func TestClientEventNamedLikeRoomEventDoesNotMatch(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	handled := make(chan string, 3)
	record := func(name string) hub.Handler {
		return hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			handled <- name
			return ev.Ack()
		})
	}
	h.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: []hub.Rule{
		{Events: []string{"room_occupied", "room_vacated"}, Handlers: []hub.Handler{record("room rule")}},
		{Events: []string{"room_*"}, Handlers: []hub.Handler{record("client rule")}},
	}}}})
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`421["room_occupied","lobby"]`)
	c.wantPacket(`431[]`)
	if name := receiveWithin(t, handled); name != "client rule" {
		t.Errorf("the %s handles the event of a client", name)
	}
}
