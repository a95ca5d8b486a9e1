package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// newRecoveringMemory returns a fixture with recovery and some namespaces with the event
// "set", in which each connection may keep so many bytes.
func newRecoveringMemory(t *testing.T, limit int64, perConnection, namespaces int) (f *memoryFixture, names []string) {
	t.Helper()
	f = newMemoryFixture(t, limit, func(c *hub.RouteConfig) {
		c.Recovery, c.Engine.MaxMemory = time.Minute, int64(perConnection)
	})
	for i := range namespaces {
		name := fmt.Sprint("/", i)
		names = append(names, name)
		ns := f.hub.Of(name)
		handleSync(ns)
		ns.On("set", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			value, _ := ev.Lookup("event.args.0")
			if err := ev.Socket.Join("room-" + ev.Socket.ID()); err != nil {
				return err
			}
			return ev.Socket.Set("value", value)
		}))
	}
	return f, names
}

// setValue sets the data of the client's socket in a namespace.
func (c *client) setValue(namespace, value string) {
	c.t.Helper()
	c.sendPacket("42" + namespace + `,["set","` + value + `"]`)
	c.syncEvents(namespace)
}

// loseData connects a client that sets data of so many bytes, and loses its connection.
func (f *memoryFixture) loseData(namespace string, size int) identity {
	f.Helper()
	c := dialClient(f, f.url, "4")
	is := c.joinAs(namespace, "{}")
	c.setValue(namespace, strings.Repeat("d", size))
	socket, _ := f.hub.Of(namespace).Socket(is.SID)
	c.conn.Close()
	receiveWithin(f, socket.Done())
	return is
}

// checkUsage fails the test if the memory of a kind is negative.
func (f *memoryFixture) checkUsage() {
	f.Helper()
	for kind, n := range f.memory.Usage() {
		if n < 0 {
			f.Errorf("%d bytes of %s", n, kind)
		}
	}
	if n := f.memory.Used(); n < 0 {
		f.Errorf("%d bytes are used", n)
	}
}

func TestRestoredSocketIsChargedLikeNewOne(t *testing.T) {
	const size, limit = 200_000, 1 << 20
	f, names := newRecoveringMemory(t, 0, limit, 8)
	pids := make(map[string]identity)
	for _, name := range names {
		pids[name] = f.loseData(name, size)
	}
	f.awaitMemory("lost", func() bool { return f.memory.Usage()["data"] == 0 })
	c := dialClient(f, f.url, "4")
	recovered := 0
	for _, name := range names {
		if is := c.joinAs(name, fmt.Sprintf(`{"pid":%q}`, pids[name].PID)); is.SID == pids[name].SID {
			recovered++
		}
	}
	if bytes := f.memory.Usage()["data"]; recovered != limit/size || bytes < int64(recovered*size) || bytes > limit {
		t.Errorf("%d sockets are recovered, %d bytes of data are counted", recovered, bytes)
	}
	f.checkUsage()
	for _, name := range names {
		c.setValue(name, "1")
		f.checkUsage()
	}
	if bytes := f.memory.Usage()["data"]; bytes > 10_000 {
		t.Errorf("%d bytes of data are counted for values of a byte", bytes)
	}
	c.conn.Close()
	close(f.release)
	f.awaitMemory("closed", func() bool { return f.memory.Usage()["data"]+f.memory.Usage()["rooms"] == 0 })
	f.checkUsage()
}
