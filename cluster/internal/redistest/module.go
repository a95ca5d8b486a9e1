package redistest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Module is an engine as Caddy knows it.
type Module interface {
	caddy.Provisioner
	caddy.CleanerUpper
	Cluster(hub string) cluster.Cluster
}

// Provision provisions a module as Caddy does.
func Provision(t *testing.T, m Module) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	return m.Provision(ctx)
}

// CleanUp cleans a module up. To do that once more does no harm.
func CleanUp(t *testing.T, m Module) {
	t.Helper()
	for range 2 {
		if err := m.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

// AssertSharing has two configs that say the same share links, and another one not. A refused
// one was never provisioned. The links are kept in a pool; used tells whether those of
// the first config have lines, which is when they connect. It returns the cluster that was shared, which is over.
func AssertSharing(t *testing.T, one, same, other, refused Module, pool *caddy.UsagePool, used func() bool) cluster.Cluster {
	t.Helper()
	for _, m := range []Module{one, same, other} {
		if err := Provision(t, m); err != nil {
			t.Fatal(err)
		}
	}
	if one.Cluster("default") != same.Cluster("") || one.Cluster("x") != same.Cluster("x") {
		t.Error("the same is not the same")
	}
	if one.Cluster("default") == other.Cluster("default") || one.Cluster("x") == one.Cluster("default") {
		t.Error("what differs is the same")
	}
	if used() {
		t.Error("it connects before a namespace is opened")
	}
	was := same.Cluster("default")
	CleanUp(t, one)
	if _, err := was.Open("/", nil); err != nil {
		t.Errorf("closed while a config uses it: %v", err)
	}
	CleanUp(t, same)
	if _, err := was.Open("/", nil); err == nil {
		t.Error("a link that no config uses opens")
	}
	CleanUp(t, other)
	left := 0
	pool.Range(func(_, _ any) bool { left++; return true })
	if left > 0 {
		t.Errorf("%d links are left", left)
	}
	CleanUp(t, refused)
	return was
}

// AssertCaddyfiles has new modules read texts, each of which is to become the JSON after it.
func AssertCaddyfiles(t *testing.T, fresh func() caddyfile.Unmarshaler, texts [][2]string) {
	t.Helper()
	for _, tt := range texts {
		m, text, want := fresh(), tt[0], tt[1]
		if err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, _ := json.Marshal(m); string(got) != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// AssertCaddyfileErrors has new modules read texts, which they are to refuse with the words after
// them.
func AssertCaddyfileErrors(t *testing.T, fresh func() caddyfile.Unmarshaler, texts [][2]string) {
	t.Helper()
	for _, tt := range texts {
		text, want := tt[0], tt[1]
		err := fresh().UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
