package redis

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
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
		}`, `{"url":"redis://a:1","addresses":["b:2","c:3"],"key":"app","requests_timeout":2000000000,"username":"{env.USER}",` +
			`"password":"{file./run/secret}","sentinel":{"master":"main","username":"s","password":"t"},` +
			`"tls":{"ca":"ca.pem","certificate":"c.pem","key":"k.pem","server_name":"x","insecure_skip_verify":true}}`},
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
	t.Setenv("REDIS_PASSWORD", "from env")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   Redis
		want func(*settings) bool
	}{
		{Redis{URL: "redis://localhost"}, func(s *settings) bool {
			return s.addresses[0] == "localhost:6379" && s.key == "socket.io" && s.requestsTimeout == 5e9 && s.tls == nil && s.network == "tcp"
		}},
		{Redis{URL: "redis://user:p%40ss@[::1]:7000/3"}, func(s *settings) bool {
			return s.addresses[0] == "[::1]:7000" && s.username == "user" && s.password == "p@ss"
		}},
		{Redis{URL: "redis://user:x@h", Password: "{env.REDIS_PASSWORD}"}, func(s *settings) bool { return s.username == "user" && s.password == "from env" }},
		{Redis{URL: "redis://h", Username: "u", Password: "{file." + secret + "}"}, func(s *settings) bool { return s.password == "from file" }},
		{Redis{URL: "rediss://h"}, func(s *settings) bool { return s.tls != nil && !s.tls.InsecureSkipVerify && s.tls.MinVersion > 0x0302 }},
		{Redis{URL: "redis://h", TLS: &TLS{ServerName: "x"}}, func(s *settings) bool { return s.tls.ServerName == "x" }},
		{Redis{URL: "unix:///run/redis.sock"}, func(s *settings) bool { return s.network == "unix" && s.addresses[0] == "/run/redis.sock" }},
		{Redis{URL: "redis://a", Addresses: []string{"b", "[::1]:1", "c:7"}}, func(s *settings) bool {
			return strings.Join(s.addresses, " ") == "a:6379 b:6379 [::1]:1 c:7"
		}},
		{Redis{URL: "redis://a", Sentinel: &Sentinel{Master: "m"}}, func(s *settings) bool { return s.addresses[0] == "a:26379" }},
	}
	for _, tt := range tests {
		s, err := tt.in.settings()
		if err != nil || !tt.want(s) {
			t.Errorf("%+v: %+v, %v", tt.in, s, err)
		}
	}
}

func TestSettingsErrors(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   Redis
		want string
	}{
		{Redis{}, "url: expected one like"},
		{Redis{URL: "localhost:6379"}, "url: "},
		{Redis{URL: "http://h"}, "url: expected redis://"},
		{Redis{URL: "redis://"}, "url: "},
		{Redis{URL: "redis://h:x"}, "url: expected one like"},
		{Redis{URL: "redis://h:99999"}, "is no address"},
		{Redis{URL: "redis://u:se cr%zzet@h"}, "url: expected one like"},
		{Redis{URL: "redis://h/db"}, "number of a database"},
		{Redis{URL: "redis://h?x=1"}, "not parameters of the URL"},
		{Redis{URL: "unix://h/x"}, "expected a path"},
		{Redis{URL: "redis://h", Addresses: []string{"redis://b"}}, "addresses: "},
		{Redis{URL: "redis://h", Password: "{env.SURELY_NOT_SET}"}, "password: "},
		{Redis{URL: "redis://h", Password: "{file./does/not/exist}"}, "password: "},
		{Redis{URL: "redis://h", Username: "u"}, "username: expected a password"},
		{Redis{URL: "redis://h", RequestsTimeout: -1}, "requests_timeout: "},
		{Redis{URL: "redis://h", Sentinel: &Sentinel{}}, "sentinel: expected the name"},
		{Redis{URL: "redis://h", TLS: &TLS{CA: "/does/not/exist"}}, "tls ca: "},
		{Redis{URL: "redis://h", TLS: &TLS{CA: junk}}, "tls ca: no certificate"},
		{Redis{URL: "redis://h", TLS: &TLS{Certificate: junk, Key: junk}}, "tls certificate and key: "},
	}
	for _, tt := range tests {
		_, err := tt.in.settings()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.in, err, tt.want)
		} else if strings.Contains(err.Error(), "cr%zzet") {
			t.Errorf("a secret is told: %v", err)
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
	a, b, c := &Redis{URL: "redis://localhost:1"}, &Redis{URL: "redis://localhost:1/2", Key: "socket.io"}, &Redis{URL: "redis://localhost:2"}
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
	if a.link.begun {
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
	if err := provision(t, &Redis{URL: "ftp://h"}); err == nil || !strings.Contains(err.Error(), "redis: url: ") {
		t.Error(err)
	}
}
