package recordertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// staleSocketIsClosed reconnects before the loss of the old connection is noticed.
func staleSocketIsClosed(t *testing.T, s *server) {
	s.openGate()
	c := dialClient(t, s)
	_, is := c.connectSocket("{}")
	c.syncEvents()
	old, _ := s.Socket(is.SID)
	if _, got := dialClient(t, s).reconnect(is.PID); got != is {
		t.Errorf("got %+v, want %+v", got, is)
	}
	receiveWithin(t, old.Done())
}

// replayBeginsAtOffset replays the events after the one that a client names.
func replayBeginsAtOffset(t *testing.T, s *server) {
	s.openGate()
	c := dialClient(t, s)
	_, is := c.connectSocket("{}")
	c.syncEvents()
	socket, _ := s.Socket(is.SID)
	if err := socket.Emit("one", 1); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(c.readPacket(), `"`)
	offset := parts[len(parts)-2]
	_, _ = s.Emit("two")
	c.readPacket()
	c.conn.Close()
	receiveWithin(t, socket.Done())
	_, _ = s.Local().Volatile().Emit("volatile")
	_, _ = s.Emit("three", []byte{3})
	back := dialClient(t, s)
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"offset":%q}`, is.PID, offset))
	for _, want := range []string{`40/chat,{"sid":"` + is.SID, `42/chat,["two","`, `451-/chat,["three",{"_placeholder":true,"num":0},"`, "\x03"} {
		if got := back.readPacket(); !strings.HasPrefix(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// replayIsRepeated loses the connection again, to a client that names no offset.
func replayIsRepeated(t *testing.T, s *server) {
	s.openGate()
	_, is := s.loseSocket(t)
	_, _ = s.Emit("one")
	for range 3 {
		c := dialClient(t, s)
		names, now := c.reconnect(is.PID)
		if now != is || !slices.Equal(names, []string{"one"}) {
			t.Errorf("%q, recovered %v", names, now == is)
		}
		c.syncEvents()
		socket, _ := s.Socket(is.SID)
		c.conn.Close()
		receiveWithin(t, socket.Done())
	}
}
