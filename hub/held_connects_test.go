package hub_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// openHeldPolling returns a polling client of version 2 whose connects are held until release
// is closed.
func openHeldPolling(t *testing.T, memory *hub.Memory, maxMemory int64) (c oldPolling, release chan struct{}) {
	t.Helper()
	route := hub.DefaultRoute()
	route.Engine.MaxMemory = maxMemory
	h := hub.New(hub.Options{Name: "test", Memory: memory, Route: &route})
	release = make(chan struct{})
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	h.Of("/a")
	h.Of("/b")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/?EIO=3&transport=polling", nil))
	sid := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(w.Body.String())
	if sid == nil {
		t.Fatalf("got %q", w.Body)
	}
	return oldPolling{h, sid[1]}, release
}

func TestHeldConnectsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(0)
		c, release := openHeldPolling(t, memory, 4<<20)
		synctest.Wait()
		idle := memory.Used()
		query := strings.Repeat("q", 400_000)
		for _, step := range []struct {
			packet string
			want   int64
		}{
			{"40/a?x=" + query, 400_000},
			{"40/b?x=" + query, 800_000},
			{"40/b?y=" + query, 800_000}, // it replaces the one before
			{"41/a", 400_000},
		} {
			c.sendPacket(step.packet)
			synctest.Wait()
			if held := memory.Used() - idle; held < step.want || held > step.want+5000 {
				t.Errorf("%d bytes are counted after %.10s, want %d", held, step.packet, step.want)
			}
		}
		close(release)
		synctest.Wait()
		if n := c.h.Of("/b").Len(); n != 1 {
			t.Errorf("%d sockets are in the namespace", n)
		}
		c.h.Close()
		wantNothingKept(t, memory)
	})
}

// wantNothingKept checks that a closed hub keeps no memory. The caller is in fake time.
func wantNothingKept(t *testing.T, memory *hub.Memory) {
	t.Helper()
	time.Sleep(time.Minute) // for a last poll
	if n := memory.Used(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestFormerNamespacesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(0)
		c, release := openHeldPolling(t, memory, 4<<20)
		close(release)
		synctest.Wait()
		idle := memory.Usage()["session"]
		for i := range 70 {
			name := fmt.Sprintf("/%d%s", i, strings.Repeat("n", 1000))
			c.h.Of(name)
			c.sendPacket("40" + name)
			synctest.Wait()
			c.sendPacket("41" + name)
			synctest.Wait()
		}
		if former := memory.Usage()["session"] - idle; former < 64*1000 || former > 80*1000 {
			t.Errorf("%d bytes are counted for 64 names", former)
		}
		c.h.Close()
		wantNothingKept(t, memory)
	})
}

func TestHeldConnectBeyondTheMemoryIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release := openHeldPolling(t, hub.NewMemory(0), 600_000)
		c.sendPacket("40/a?x=" + strings.Repeat("q", 250_000)) // its body is counted as well while it is read
		c.sendPacket("40/b?x=" + strings.Repeat("q", 250_000))
		c.sendPacket("40/c?x=" + strings.Repeat("q", 90_000))
		w := httptest.NewRecorder()
		c.h.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/?EIO=3&transport=polling&sid="+c.sid, nil))
		if !strings.Contains(w.Body.String(), "Connection keeps too much memory") {
			t.Errorf("got %q", w.Body)
		}
		close(release)
		c.h.Close()
	})
}
