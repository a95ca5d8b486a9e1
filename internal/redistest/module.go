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

// Module is the Caddy module of an adapter.
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

// CleanUp cleans a module up twice, which must do no harm.
func CleanUp(t *testing.T, m Module) {
	t.Helper()
	for range 2 {
		if err := m.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

// AssertSharing checks that equal configs share links and a different one does not. The
// module refused was never provisioned. Pool holds the links; used reports whether the link
// of the first config has lines, which is when it connects. AssertSharing returns the
// cluster that was shared, which is closed.
func AssertSharing(t *testing.T, one, same, other, refused Module, pool *caddy.UsagePool, used func() bool) cluster.Cluster {
	t.Helper()
	for _, m := range []Module{one, same, other} {
		if err := Provision(t, m); err != nil {
			t.Fatal(err)
		}
	}
	if one.Cluster("default") != same.Cluster("") || one.Cluster("x") != same.Cluster("x") {
		t.Error("equal configs do not share")
	}
	if one.Cluster("default") == other.Cluster("default") || one.Cluster("x") == one.Cluster("default") {
		t.Error("different configs share")
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

// AssertCaddyfiles checks that new modules read each text as the JSON after it.
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

// AssertCaddyfileErrors checks that new modules reject each text, with an error that
// contains the words after it.
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
