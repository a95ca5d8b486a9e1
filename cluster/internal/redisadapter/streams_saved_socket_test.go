package redisadapter

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const savedKey = "sio:session:secret"

// saveLostSocket has a node save a lost socket, and waits until it is saved.
func saveLostSocket(t *testing.T, s *redistest.Server, n *redistest.Node) cluster.LostSocket {
	t.Helper()
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id", "r"}, Data: sio.Data{JSON: []byte(`{"a":1}`)}, Offset: beforeFirstEntry}
	if err := n.Adapter.(*recorder).Save(left, time.Minute); err != nil {
		t.Fatal(err)
	}
	waitSaved(t, s)
	return left
}

// waitSaved waits until a lost socket is saved with at most a minute left.
func waitSaved(t *testing.T, s *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "the session is saved", func() bool {
		ms, err := strconv.Atoi(strings.TrimPrefix(s.Command("PTTL", savedKey), ":"))
		return err == nil && ms > 0 && ms <= 60_000
	})
}

// TestSaveAgainKeepsTimeLeft saves a restored socket again: another node restores it, and its
// time to live is not extended.
func TestSaveAgainKeepsTimeLeft(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	saveLostSocket(t, s, a)
	s.Command("PEXPIRE", savedKey, "50000")
	got, err := a.Adapter.(*recorder).Restore(t.Context(), "secret", "")
	if err != nil || s.Command("EXISTS", savedKey) != ":0" {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := a.Adapter.(*recorder).SaveAgain(got); err != nil {
		t.Fatal(err)
	}
	waitSaved(t, s)
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

// TestSaveAgainKeepsValueOfNodejs saves a socket of Node.js again without a namespace: it is not
// known that the socket was in this one.
func TestSaveAgainKeepsValueOfNodejs(t *testing.T) {
	s := redistest.Start(t)
	a, _ := streamsSuite.OpenPair(t, s, "/")
	offset, _ := recordEvent(t, a, "before", "r")
	saveLostSocket(t, s, a)
	value := toMsgPack(t, `{"sid":"id","pid":"secret","rooms":["id"],"data":{}}`)
	s.Command("SET", savedKey, encodeBase64(value), "PX", "60000")
	got, err := a.Adapter.(*recorder).Restore(t.Context(), "secret", offset)
	if err != nil || got.Known {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := a.Adapter.(*recorder).SaveAgain(got); err != nil {
		t.Fatal(err)
	}
	waitSaved(t, s)
	if _, text := s.CommandText("GET", savedKey); text != encodeBase64(value) {
		t.Errorf("saved again as %s", text)
	}
}

// TestRestoreOfOtherNamespaceKeepsLostSocket checks that a lost socket stays saved when a client
// of another namespace wants it.
func TestRestoreOfOtherNamespaceKeepsLostSocket(t *testing.T) {
	s := redistest.Start(t)
	a, _ := streamsSuite.OpenPair(t, s, "/")
	chat := redistest.OpenNode(t, startStreamsNode(t, s), "/chat")
	chat.WaitNodes(1)
	saveLostSocket(t, s, a)
	if got, err := chat.Adapter.(*recorder).Restore(t.Context(), "secret", ""); !errors.Is(err, cluster.ErrNotRecoverable) {
		t.Errorf("%+v, %v", got, err)
	}
	if s.Command("EXISTS", savedKey) != ":1" {
		t.Error("the session is gone")
	}
}

// TestCanceledRestoreSavesAgain cancels Restore while Redis deletes the lost socket.
func TestCanceledRestoreSavesAgain(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	saveLostSocket(t, s, a)
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
	waitSaved(t, s)
	if got, err := b.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLostReplySavesAgain cuts the connection after Redis deleted the lost socket and before the
// reply arrived.
func TestLostReplySavesAgain(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	saveLostSocket(t, s, a)
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
	waitSaved(t, s)
	if got, err := b.Adapter.(*recorder).Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
		t.Errorf("%+v, %v", got, err)
	}
}
