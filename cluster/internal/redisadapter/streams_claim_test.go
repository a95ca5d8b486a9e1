package redisadapter

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const savedKey = "sio:session:secret"

// saveSession has a node save a session, and waits for it.
func saveSession(t *testing.T, s *redistest.Server, n *redistest.Node) cluster.LostSocket {
	t.Helper()
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: beforeFirstEntry}
	if err := n.Adapter.(*recorder).Save(left, time.Minute); err != nil {
		t.Fatal(err)
	}
	isSaved(t, s)
	return left
}

// isSaved waits until there is a session with less than a minute left.
func isSaved(t *testing.T, s *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "the session is saved", func() bool {
		ms, err := strconv.Atoi(strings.TrimPrefix(s.Command("PTTL", savedKey), ":"))
		return err == nil && ms > 0 && ms <= 60_000
	})
}

// TestReturn has a node give back what it restored: another one restores it, with no
// more time than was left.
func TestReturn(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	saveSession(t, s, a)
	s.Command("PEXPIRE", savedKey, "50000")
	got, err := a.Adapter.(*recorder).Restore(t.Context(), "secret", "")
	if err != nil || s.Command("EXISTS", savedKey) != ":0" {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := a.Adapter.(*recorder).SaveAgain(got); err != nil {
		t.Fatal(err)
	}
	isSaved(t, s)
	if ms := s.Command("PTTL", savedKey); len(ms) > 1 && ms > ":50000" {
		t.Errorf("it has %s ms left", ms)
	}
	if got, err = b.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := a.Adapter.(*recorder).SaveAgain(cluster.LostSocket{PID: "other"}); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Errorf("a session returned that was not restored: %v", err)
	}
}

// TestSessionOfNodeWithoutNamespaceIsReturnedAsItWas has what a Node.js server saved go
// back without a namespace: it is not known that the socket was let into this one.
func TestSessionOfNodeWithoutNamespaceIsReturnedAsItWas(t *testing.T) {
	s := redistest.Start(t)
	a, _ := streamsEngine.OpenPair(t, s, "/")
	offset, _ := recordText(t, a, "before", "r")
	saveSession(t, s, a)
	value := pack(t, `{"sid":"id","pid":"secret","rooms":["id"],"data":{}}`)
	s.Command("SET", savedKey, encode64(value), "PX", "60000")
	got, err := a.Adapter.(*recorder).Restore(t.Context(), "secret", offset)
	if err != nil || got.Known {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := a.Adapter.(*recorder).SaveAgain(got); err != nil {
		t.Fatal(err)
	}
	isSaved(t, s)
	if _, text := s.CommandText("GET", savedKey); text != encode64(value) {
		t.Errorf("saved again as %s", text)
	}
}

// TestWrongClientTakesNoSession has a session stay where it is when a client asks for
// it that can't have it.
func TestWrongClientTakesNoSession(t *testing.T) {
	s := redistest.Start(t)
	a, _ := streamsEngine.OpenPair(t, s, "/")
	chat := redistest.OpenNode(t, startStreamsNode(t, s), "/chat")
	chat.WaitNodes(1)
	saveSession(t, s, a)
	if got, err := chat.Adapter.(*recorder).Restore(t.Context(), "secret", ""); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Errorf("%+v, %v", got, err)
	}
	if s.Command("EXISTS", savedKey) != ":1" {
		t.Error("the session is gone")
	}
}

// TestRestoreIsCanceled has the client go away while Redis is about to hand its
// session out.
func TestRestoreIsCanceled(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	saveSession(t, s, a)
	p := redistest.StartProxy(t, s)
	c := redistest.OpenNode(t, startStreamsNode(t, p.Server), "/")
	c.WaitNodes(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	muted := p.Mute("GETDEL")
	go func() {
		<-muted
		cancel()
	}()
	if got, err := c.Adapter.(*recorder).Restore(ctx, "secret", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", got, err)
	}
	redistest.Eventually(t, "Redis deletes the session", func() bool { return s.Command("EXISTS", savedKey) == ":0" })
	p.CloseConns() // the reply is lost
	isSaved(t, s)
	if got, err := b.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestReplyIsLost has the connection to Redis break after the session was deleted and
// before it arrived, with the client still there.
func TestReplyIsLost(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsEngine.OpenPair(t, s, "/")
	saveSession(t, s, a)
	p := redistest.StartProxy(t, s)
	c := redistest.OpenNode(t, startStreamsNode(t, p.Server), "/")
	c.WaitNodes(3)
	muted := p.Mute("GETDEL")
	go func() {
		<-muted
		redistest.Eventually(t, "Redis deletes the session", func() bool { return s.Command("EXISTS", savedKey) == ":0" })
		p.CloseConns()
	}()
	if got, err := c.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err == nil {
		t.Errorf("%+v", got)
	}
	isSaved(t, s)
	if got, err := b.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
}
