package redisadapter

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"go.uber.org/zap"
)

// TestConnectionStartsWithItsFirstNamespace has a connection do nothing before a namespace
// is open.
func TestConnectionStartsWithItsFirstNamespace(t *testing.T) {
	config := redisconn.Config{URL: "redis://localhost:1"}
	server := config.ServerWithoutDatabase(redisconn.NewResolver())
	c := newConnection(&Settings{Server: server, Key: "socket.io"}, "", zap.NewNop())
	if c.started {
		t.Error("it starts by itself")
	}
	id := namespaceID{name: "/"}
	for range 2 {
		if _, err := c.openNamespace(id, redistest.NewNode(t)); err != nil {
			t.Error(err)
		}
	}
	if !c.started || len(c.listNamespaces()) != 1 {
		t.Errorf("started %v, %d namespaces", c.started, len(c.listNamespaces()))
	}
	ns := c.findNamespace(id)
	for _, a := range ns.openAdapters() {
		if c.findNamespace(id) != ns {
			t.Error("the namespace is closed while it has adapters")
		}
		a.Close()
	}
	if c.findNamespace(id) != nil {
		t.Error("the namespace is open without adapters")
	}
	c.closeConnection()
	if _, err := c.openNamespace(id, redistest.NewNode(t)); err == nil || err.Error() != "redis: the cluster is closed" {
		t.Error(err)
	}
}
