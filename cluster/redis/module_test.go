package redis

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// newModule returns a module without settings.
func newModule() caddyfile.Unmarshaler { return new(Redis) }

func TestCaddyfileAdaptsToJSON(t *testing.T) {
	redistest.AssertCaddyfiles(t, newModule, [][2]string{
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
	})
}

func TestCaddyfileErrorsNameTheOption(t *testing.T) {
	redistest.AssertCaddyfileErrors(t, newModule, [][2]string{
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
	})
}

// newConfig returns a module for a URL.
func newConfig(url string) *Redis { return &Redis{Config: redisconn.Config{URL: url}} }

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := newConfig("redis://h/3").resolveSettings()
	if err != nil || s.Key != "socket.io" || s.RequestsTimeout != 5e9 || s.Mode != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if s.Server.Options(t.Context()).SelectDB != 0 {
		t.Error("a database is selected, which not every user may do")
	}
	for want, change := range map[string]func(*Redis){
		"requests_timeout: ":     func(r *Redis) { r.RequestsTimeout = -1 },
		"key: ":                  func(r *Redis) { r.Key = "{env.SURELY_NOT_SET}" },
		"sharded: unknown mode":  func(r *Redis) { r.Sharded = "yes" },
		"url: expected redis":    func(r *Redis) { r.URL = "ftp://h" },
		"url: expected one like": func(r *Redis) { r.URL = "" },
	} {
		r := newConfig("redis://h")
		change(r)
		if _, err := r.resolveSettings(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestConfigsShareAConnection(t *testing.T) {
	a, b := newConfig("redis://localhost:1"), newConfig("redis://localhost:1/2")
	b.Key = "socket.io" // as by default
	used := func() bool { return a.connections.InUse() }
	was := redistest.AssertSharing(t, a, b, newConfig("redis://localhost:2"), new(Redis), pool, used)
	state := was.State()
	state.PublishTimes, state.ApplyTimes = nil, nil
	if state.Error = ""; state != (cluster.State{Adapter: "redis"}) { // it may have tried to connect
		t.Errorf("%+v", state)
	}
}

func TestProvisionRefusesURL(t *testing.T) {
	if err := redistest.Provision(t, newConfig("ftp://h")); err == nil || !strings.Contains(err.Error(), "redis: url: ") {
		t.Error(err)
	}
}
