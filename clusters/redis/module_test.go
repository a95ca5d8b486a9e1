package redis

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestCaddyfile(t *testing.T) {
	tests := []struct{ text, want string }{
		{`redis redis://localhost`, `{"url":"redis://localhost"}`},
		{`redis redis://a:1 b:2 c:3 {
			key app
			requests_timeout 2s
			username {env.USER}
			password {file./run/secret}
			sentinel main {
				username s
				password t
			}
			tls {
				ca ca.pem
				certificate c.pem
				key k.pem
				server_name x
				insecure_skip_verify
			}
		}`, `{"url":"redis://a:1","addresses":["b:2","c:3"],"username":"{env.USER}",` +
			`"password":"{file./run/secret}","sentinel":{"master":"main","username":"s","password":"t"},` +
			`"tls":{"ca":"ca.pem","certificate":"c.pem","key":"k.pem","server_name":"x","insecure_skip_verify":true},` +
			`"key":"app","requests_timeout":2000000000}`},
		{`redis redis://a {
			tls
		}`, `{"url":"redis://a","tls":{}}`},
		{"redis redis://a {\nsharded\n}", `{"url":"redis://a","sharded":"dynamic"}`},
		{"redis redis://a {\nsharded static\nkey k\n}", `{"url":"redis://a","key":"k","sharded":"static"}`},
	}
	for _, tt := range tests {
		var r Redis
		if err := r.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.text)); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if got, _ := json.Marshal(&r); string(got) != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"redis", "expected a URL"},
		{"redis redis://a {\nkye x\n}", `unknown option "kye": expected key, sharded, requests_timeout`},
		{"redis redis://a {\nkey\n}", "key: expected one value"},
		{"redis redis://a {\nkey a b\n}", "key: expected one value"},
		{"redis redis://a {\nkey a\nkey b\n}", "key is given twice"},
		{"redis redis://a {\nrequests_timeout soon\n}", `requests_timeout: "soon" is no duration`},
		{"redis redis://a {\nrequests_timeout 0\n}", `requests_timeout: "0" is no duration`},
		{"redis redis://a {\nsharded yes\n}", `sharded: unknown mode "yes": expected static, dynamic or dynamic-private`},
		{"redis redis://a {\nsharded static dynamic\n}", "sharded: expected one value"},
		{"redis redis://a {\nsentinel\n}", "sentinel: expected one value"},
		{"redis redis://a {\nsentinel m {\nport 1\n}\n}", `sentinel: unknown option "port"`},
		{"redis redis://a {\ntls on\n}", `tls: unexpected "on"`},
		{"redis redis://a {\ntls {\ncert x\n}\n}", `tls: unknown option "cert"`},
		{"redis redis://a {\ntls {\ninsecure_skip_verify yes\n}\n}", `unexpected "yes"`},
	}
	for _, tt := range tests {
		err := new(Redis).UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestSettings(t *testing.T) {
	at := redisconn.Config{URL: "redis://h/3"}
	s, err := (&Redis{Config: at}).settings()
	if err != nil || s.key != "socket.io" || s.requestsTimeout != 5e9 || s.sharded != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if s.server.Options(t.Context()).SelectDB != 0 {
		t.Error("a database is asked for, which not every user may do")
	}
	for want, in := range map[string]Redis{
		"url: expected one like": {},
		"requests_timeout: ":     {Config: at, RequestsTimeout: -1},
		"key: ":                  {Config: at, Key: "{env.SURELY_NOT_SET}"},
		"sharded: unknown mode":  {Config: at, Sharded: "all"},
	} {
		if _, err := in.settings(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", in, err, want)
		}
	}
}

// provision provisions a module as Caddy does.
func provision(t *testing.T, r *Redis) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	return r.Provision(ctx)
}

func TestConfigsShareALink(t *testing.T) {
	a, b, c := &Redis{Config: redisconn.Config{URL: "redis://localhost:1"}}, &Redis{Config: redisconn.Config{URL: "redis://localhost:1/2"}, Key: "socket.io"}, &Redis{Config: redisconn.Config{URL: "redis://localhost:2"}}
	for _, r := range []*Redis{a, b, c} {
		if err := provision(t, r); err != nil {
			t.Fatal(err)
		}
	}
	if a.Cluster("default") != b.Cluster("") || a.Cluster("x") != b.Cluster("x") {
		t.Error("the same is not the same")
	}
	if a.Cluster("default") == c.Cluster("default") || a.Cluster("x") == a.Cluster("default") {
		t.Error("what differs is the same")
	}
	if len(a.link.Lines()) > 0 {
		t.Error("it connects before a namespace is opened")
	}
	was := b.Cluster("default")
	release(t, a)
	if _, err := was.Open("/", nil); err != nil {
		t.Errorf("closed while a config uses it: %v", err)
	}
	release(t, b)
	if _, err := was.Open("/", nil); err == nil {
		t.Error("a link that no config uses opens")
	}
	if state := was.State(); state != (cluster.State{Engine: "redis"}) {
		t.Errorf("%+v", state)
	}
	release(t, c)
	left := 0
	links.Range(func(_, _ any) bool { left++; return true })
	if left > 0 {
		t.Errorf("%d links are left", left)
	}
	release(t, new(Redis)) // of a config that was refused
}

func release(t *testing.T, r *Redis) {
	t.Helper()
	for range 2 { // once more does no harm
		if err := r.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedConfig(t *testing.T) {
	if err := provision(t, &Redis{Config: redisconn.Config{URL: "ftp://h"}}); err == nil || !strings.Contains(err.Error(), "redis: url: ") {
		t.Error(err)
	}
}

// TestAges knows how old messages get.
func TestAges(t *testing.T) {
	if m := (outgoing{}); m.Expired(maxAge) || !m.Expired(maxAge+1) {
		t.Error("messages get older than 5s, or not as old")
	}
}
