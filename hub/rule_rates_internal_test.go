package hub

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
)

// TestRuleBucketsAreBounded uses a rule in many namespaces of a glob, on one connection.
func TestRuleBucketsAreBounded(t *testing.T) {
	h := New(Options{})
	defer h.Close()
	all := newRules(NamespaceConfig{Name: "/n-*", Rules: []Rule{{Events: []string{"a"}, Rate: Rate{PerSecond: 1e-9, Burst: 1}}}}, func([]Handler) []timedHandler { return nil })
	c := &client{hub: h, account: budget.NewProcess(0).Open(address.Key{}, new(atomic.Int64), nil)}
	for i := range 3 * MaxNamespaces {
		own := c.openRuleBuckets(fmt.Sprint("/n-", i), all)
		if now := h.engine.Now(); !own.byRule[0].Take(all.list[0].rate, 1, now) || own.byRule[0].Take(all.list[0].rate, 1, now) {
			t.Fatalf("namespace %d has no full bucket of one", i)
		}
		if own != c.openRuleBuckets(fmt.Sprint("/n-", i), all) {
			t.Fatalf("namespace %d has another bucket the second time", i)
		}
	}
	if n := len(c.ruleBuckets); n != MaxNamespaces {
		t.Errorf("%d namespaces have buckets, want %d", n, MaxNamespaces)
	}
}
