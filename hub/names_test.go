package hub_test

import (
	"context"
	"errors"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func TestCheckRoomsRefusesInvalidUTF8(t *testing.T) {
	for _, room := range []string{"r\xff", "r\xed\xa0\xbd", "\xc3"} {
		if err := hub.CheckRooms([]string{"a", room}); !errors.Is(err, hub.ErrRoom) {
			t.Errorf("%q: %v", room, err)
		}
	}
	if err := hub.CheckRooms([]string{"r\ufffd", "r😀"}); err != nil {
		t.Error(err)
	}
}

// Event names that differ in half of a surrogate pair match no rule.
func TestEventNameWithLoneSurrogateIsAnError(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	handleSync(ns)
	ns.On("e\ufffd", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ev.Ack(ev.Name) }))
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`421["e\ud83d"]`)
	c.wantPacket(`431[{"error":"bad event name: half of a surrogate pair"}]`)
	c.sendPacket(`42["\udc00",1]`)
	c.sendPacket(`422["e\ufffd"]`)
	c.wantPacket("432[\"e\ufffd\"]")
	c.syncEvents("/")
}
