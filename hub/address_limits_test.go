package hub_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const (
	fromAttacker = "4&address=192.0.2.66"
	fromStranger = "4&address=192.0.2.7"
)

// newGlobSite serves the namespaces /org-*.
func newGlobSite(t *testing.T, limits hub.AddressLimits) (*site, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.WarnLevel)
	r := newRouteConfig("r", "/org-*")
	r.PerAddress = limits
	return newSite(t, hub.Config{
		Log: zap.New(core), Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "me")},
	}), logs
}

func TestNamespaceLimitOfAddress(t *testing.T) {
	s, logs := newGlobSite(t, hub.AddressLimits{MaxNamespaces: 2})
	a := dialClient(t, s.url+"/0/", fromAttacker)
	a.joinNamespace("/org-1", "")
	a.joinNamespace("/org-2", "")
	for range 2 {
		a.sendPacket("40/org-3,")
		a.wantPacket(`44/org-3,{"message":"Too many namespaces"}`)
	}
	b := dialClient(t, s.url+"/0/", fromStranger)
	b.joinNamespace("/org-3", "")
	a.joinNamespace("/org-3", "") // it exists
	if n := s.Stats().AddressRefused["namespaces"]; n != 2 {
		t.Errorf("counted %d", n)
	}
	if all := logs.All(); len(all) != 1 || all[0].ContextMap()["address"] != "192.0.2.66" || all[0].ContextMap()["limit"] != "namespaces" {
		t.Errorf("logged %v", all)
	}
}

// One address fills the namespaces of a glob. A stranger still gets one, at the cost of the
// oldest that only the first address uses.
func TestNamespacesOfOneAddressMakeRoomForStranger(t *testing.T) {
	s, _ := newGlobSite(t, hub.AddressLimits{})
	var all []*client
	for i := 0; i < hub.MaxDynamic; i += hub.MaxNamespaces {
		c := dialClient(t, s.url+"/0/", fromAttacker)
		all = append(all, c)
		names := min(hub.MaxNamespaces, hub.MaxDynamic-i)
		for n := range names {
			c.sendPacket(fmt.Sprintf("40/org-%d,", i+n))
		}
		for range names { // before another connection, since the order of age is that of the connects
			if p := c.readPacket(); !strings.HasPrefix(p, "40/org-") {
				t.Fatalf("got %s", p)
			}
		}
	}
	b := dialClient(t, s.url+"/0/", fromStranger)
	b.joinNamespace("/org-0", "") // from now on, two addresses use it
	first, last := all[0], all[len(all)-1]
	last.sendPacket("40/org-x,")
	last.wantPacket(`44/org-x,{"message":"Too many namespaces"}`)

	b.joinNamespace("/org-new", "")
	first.wantPacket("41/org-1,") // disconnected by the server
	b.sendPacket(`42/org-0,1["who"]`)
	b.wantPacket(`43/org-0,1["me"]`)
	first.sendPacket(`42/org-0,1["who"]`)
	first.wantPacket(`43/org-0,1["me"]`)
	if n := s.Stats().AddressEvicted["namespaces"]; n != 1 {
		t.Errorf("%d were evicted", n)
	}
}
