package hub_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// inspectUntil inspects a socket until a condition holds: the server may be handling the
// client's last packet.
func inspectUntil(t *testing.T, h *hub.Hub, id string, holds func(*hub.Inspection) bool) *hub.Inspection {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(time.Millisecond) {
		found, err := h.Inspect(t.Context(), hub.InspectionQuery{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if found != nil && holds(found) {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", found)
		}
	}
}

// declareRules declares a namespace with rules that do nothing.
func declareRules(h *hub.Hub, log *zap.Logger, namespace string, events ...string) {
	nothing := hub.HandlerFunc(func(context.Context, *hub.Event) error { return nil })
	var rules []hub.Rule
	for _, event := range events {
		rules = append(rules, hub.Rule{Events: strings.Fields(event), Handlers: []hub.Handler{nothing}})
	}
	h.Configure(hub.Config{Log: log, Namespaces: []hub.NamespaceConfig{{Name: namespace, Rules: rules}}})
}

func TestInspectionDescribesSocket(t *testing.T) {
	h, url := newHub(t)
	declareRules(h, nil, "/chat", "connect", "say shout-*")
	c, id := joinNamespace(t, url, "/chat", `{"token":"secret"}`)
	c.sendPacket(`42/chat,["shout-loud",1]`)
	found := inspectUntil(t, h, id, func(i *hub.Inspection) bool { return i.LastEvent != nil })
	if found.State != hub.StateConnected || found.Namespace != "/chat" || found.Transport != "websocket" || found.Protocol != 4 || found.Node != hub.NodeName() {
		t.Errorf("got %+v", found)
	}
	if found.LastEvent.Name != "shout-loud" || found.LastEvent.Rule != "say shout-*" {
		t.Errorf("got the last event %+v", found.LastEvent)
	}
	if string(found.Handshake.Auth) != `{"token":"(hidden)"}` || found.Memory["session"] == 0 {
		t.Errorf("got the auth %s and the memory %v", found.Handshake.Auth, found.Memory)
	}
	for name, q := range map[string]hub.InspectionQuery{
		"another namespace": {ID: id, Allowed: func(namespace string) bool { return namespace == "/" }},
		"another id":        {ID: id[1:]},
	} {
		if found, err := h.Inspect(t.Context(), q); found != nil || err != nil {
			t.Errorf("%s: got %+v, %v", name, found, err)
		}
	}
}

func TestInspectionHasReasonAndCauseOfClose(t *testing.T) {
	h, url := newHub(t)
	h.Of("/").On("panic", hub.HandlerFunc(func(context.Context, *hub.Event) error { panic("test") }))
	for name, test := range map[string]struct {
		end           func(c *client, id string)
		reason, cause string
	}{
		"disconnect packet": {func(c *client, _ string) { c.sendPacket("41") }, "client namespace disconnect", ""},
		"by the server": {func(_ *client, id string) {
			s, _ := h.Of("/").Socket(id)
			s.Disconnect(false)
		}, "server namespace disconnect", ""},
		"lost connection": {func(c *client, _ string) { c.conn.NetConn().Close() }, "transport close", "connection lost"},
		"unknown packet":  {func(c *client, _ string) { c.sendPacket("49") }, "forced close", "packet refused: "},
		"panic":           {func(c *client, _ string) { c.sendPacket(`42["panic"]`) }, "forced close", "a handler of the event panic panicked"},
	} {
		c, id := joinNamespace(t, url, "/", "")
		test.end(c, id)
		found := inspectUntil(t, h, id, func(i *hub.Inspection) bool { return i.Close != nil })
		if found.Close.Reason != test.reason || !strings.HasPrefix(found.Close.Cause, test.cause) || (found.Close.Cause == "") != (test.cause == "") {
			t.Errorf("%s: got %+v", name, found.Close)
		}
		if found.State != hub.StateDisconnected || found.Handshake.Address == "" || found.Queues != nil {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

// pairedCluster is the cluster of two hubs in a test. Requests of one reach the other, as
// text.
type pairedCluster struct {
	countingCluster
	nodes map[string]cluster.Node
	other *pairedCluster
}

func (p *pairedCluster) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	p.nodes[namespace] = n
	return &pairedAdapter{countedAdapter{cluster: &p.countingCluster, namespace: namespace}, p}, nil
}

type pairedAdapter struct {
	countedAdapter
	own *pairedCluster
}

func (a *pairedAdapter) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	a.own.other.nodes[a.namespace].Reply(ctx, q, func(reply cluster.Reply) {
		text, err := json.Marshal(reply)
		if err != nil {
			panic(err)
		}
		var sockets cluster.Sockets
		if json.Unmarshal(text, &sockets) == nil {
			each(sockets)
		}
	})
	return nil
}

func TestInspectionFindsSocketOfOtherNode(t *testing.T) {
	one, two := &pairedCluster{nodes: map[string]cluster.Node{}}, &pairedCluster{nodes: map[string]cluster.Node{}}
	one.other, two.other = two, one
	here, _ := newHub(t)
	there, url := newHub(t)
	here.Configure(hub.Config{Cluster: one})
	there.Configure(hub.Config{Cluster: two, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}})
	c, id := joinNamespace(t, url, "/chat", "")
	found := inspectUntil(t, here, id, func(i *hub.Inspection) bool { return i.State == hub.StateConnected })
	if found.Namespace != "/chat" || found.Queues == nil || len(found.Rooms) != 1 {
		t.Errorf("got %+v", found)
	}
	if found, err := here.Inspect(t.Context(), hub.InspectionQuery{ID: id, Local: true}); found != nil || err != nil {
		t.Errorf("on this node: got %+v, %v", found, err)
	}
	c.conn.Close()
	found = inspectUntil(t, here, id, func(i *hub.Inspection) bool { return i.Close != nil })
	if found.Close.Reason != "transport close" {
		t.Errorf("got %+v", found.Close)
	}
}

func TestUnmatchedEventIsExplained(t *testing.T) {
	h, url := newHub(t)
	core, logs := observer.New(zapcore.DebugLevel)
	declareRules(h, zap.New(core), "/", "connect", "message", "chat:send typing*")
	c, id := joinNamespace(t, url, "/", "")
	for name, nearest := range map[string]any{"mesage": "message", "chatSend": "chat:send", "unknown": nil, "disconnect2": nil} {
		logs.TakeAll()
		c.sendPacket(`42["` + name + `"]`)
		inspectUntil(t, h, id, func(i *hub.Inspection) bool { return i.LastEvent != nil && i.LastEvent.Name == name })
		for logs.FilterMessage("event dropped: no rule matches it").Len() == 0 {
			time.Sleep(time.Millisecond)
		}
		got := logs.FilterMessage("event dropped: no rule matches it").All()[0].ContextMap()
		if rules, _ := json.Marshal(got["rules"]); got["nearest"] != nearest || string(rules) != `["message","chat:send","typing*"]` {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// The log has a hash in place of the id of a client of Socket.IO 2, which is a secret.
func TestInspectionFindsHashOfLog(t *testing.T) {
	h, url := newHub(t)
	c := dialClient(t, url, "3")
	c.wantPacket("40")
	inspectUntil(t, h, id.ForLog(c.sid), func(i *hub.Inspection) bool { return i.ID == c.sid && i.Protocol == 3 })
	c.sendPacket("41")
	inspectUntil(t, h, id.ForLog(c.sid), func(i *hub.Inspection) bool { return i.Close != nil })
}
