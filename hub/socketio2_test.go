package hub_test

import (
	"context"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// oldPolling is a polling client of version 2 that needs no network.
type oldPolling struct {
	h   *hub.Hub
	sid string
}

func openOldPolling(t *testing.T, h *hub.Hub) oldPolling {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/?EIO=3&transport=polling", nil))
	sid := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(w.Body.String())
	if sid == nil || !strings.HasSuffix(w.Body.String(), "2:40") {
		t.Fatalf("got %q, want an open packet and a connect packet", w.Body)
	}
	return oldPolling{h, sid[1]}
}

func (c oldPolling) sendPacket(packet string) {
	body := strings.NewReader(strconv.Itoa(len(packet)) + ":" + packet)
	c.h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/socket.io/?EIO=3&transport=polling&sid="+c.sid, body))
}

// A connection is closed while its socket joins the first room: the socket connects, then
// disconnects.
func TestOldSocketDisconnectsWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		chat := h.Of("/chat")
		var ended atomic.Pointer[[]string]
		chat.On("disconnecting", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			ended.Store(new(ev.Socket.Rooms()))
			return nil
		}))
		c := openOldPolling(t, h)
		main, ok := h.Of("/").Socket(c.sid)
		if !ok {
			t.Fatal("the client is not in /")
		}
		chat.OnRoom(func(ev hub.RoomEvent) {
			if ev.Kind != rooms.Join {
				return
			}
			main.Disconnect(true)
			for range 100_000 {
				if runtime.Gosched(); ended.Load() != nil {
					t.Error("the socket disconnects before it is connected")
					return
				}
			}
		})
		c.sendPacket("40/chat")
		synctest.Wait()
		if left, want := ended.Load(), "/chat#"+c.sid; left == nil || !slices.Equal(*left, []string{want}) {
			t.Errorf("it disconnected in %v, want %s", left, want)
		}
		if n := chat.Len(); n != 0 {
			t.Errorf("%d sockets are left", n)
		}
		h.Close()
		time.Sleep(time.Minute) // fake time: the session waits for a last poll
	})
}
