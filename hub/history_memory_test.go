package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func TestHistoryIsCountedWithinAFifthOfTheHeap(t *testing.T) {
	for name, use := range map[string]struct{ rooms, events, bytes int }{
		"large events": {50, 10, 10_000},
		"small events": {200, 50, 40},
		"many rooms":   {4000, 3, 40},
	} {
		t.Run(name, func(t *testing.T) {
			if !inOwnProcess(t) {
				return
			}
			f := newMemoryFixture(t, 0, nil)
			defer close(f.release)
			f.hub.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{
				Name: "/", History: []hub.History{{Rooms: []string{"room-*"}, Keep: use.events, For: time.Hour}},
			}}})
			c, _ := joinNamespace(f, f.url, "/", "") // for which events are encoded
			f.hub.Of("/").On("listen", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				return errors.Join(ev.Socket.Join("all"), ev.Ack())
			}))
			c.sendPacket(`421["listen"]`)
			c.wantPacket("431[]")
			go func() { // reads until the connection closes
				for err := error(nil); err == nil; {
					_, _, err = c.conn.ReadMessage()
				}
			}()
			emit := func(room int) {
				if _, err := f.hub.Of("/").To(fmt.Sprint("room-", room)).To("all").Emit("news", strings.Repeat("n", use.bytes)); err != nil {
					t.Fatal(err)
				}
			}
			for range 10 * use.events { // the first events fill tables and pools
				emit(-1)
			}
			heap := measureHeap() - f.memory.Used()
			for room := range use.rooms {
				for range use.events {
					emit(room)
				}
			}
			f.compareWithHeap(name, heap, 0, 80)
			c.conn.Close()
			f.hub.Close()
			f.awaitMemory("closed", func() bool { return f.memory.Used() == 0 })
		})
	}
}
