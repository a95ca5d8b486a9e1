package redisstreams

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// newModule returns a module without settings.
func newModule() caddyfile.Unmarshaler { return new(RedisStreams) }

func TestCaddyfileAdaptsToJSON(t *testing.T) {
	redistest.AssertCaddyfiles(t, newModule, [][2]string{
		{`redis_streams redis://localhost`, `{"url":"redis://localhost"}`},
		{`redis_streams redis://a:1 b:2 c:3 {
			stream app
			max_len 500
			channel_prefix chan
			session_prefix ses:
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
		}`, `{"url":"redis://a:1","addresses":["b:2","c:3"],"username":"{env.USER}","password":"{file./run/secret}",` +
			`"sentinel":{"master":"main","username":"s","password":"t"},` +
			`"tls":{"ca":"ca.pem","certificate":"c.pem","key":"k.pem","server_name":"x","insecure_skip_verify":true},` +
			`"stream":"app","max_len":500,"channel_prefix":"chan","session_prefix":"ses:","requests_timeout":2000000000}`},
		{`redis_streams redis://a {
			tls
		}`, `{"url":"redis://a","tls":{}}`},
	})
}

func TestCaddyfileErrorsNameTheOption(t *testing.T) {
	redistest.AssertCaddyfileErrors(t, newModule, [][2]string{
		{"redis_streams", "expected a URL"},
		{"redis_streams redis://a {\nkey x\n}", `unknown option "key": expected stream, max_len`},
		{"redis_streams redis://a {\nstream\n}", "stream: expected one value"},
		{"redis_streams redis://a {\nstream a\nstream b\n}", "stream is given twice"},
		{"redis_streams redis://a {\nmax_len many\n}", `max_len: "many": expected a number`},
		{"redis_streams redis://a {\nmax_len 0\n}", "max_len: "},
		{"redis_streams redis://a {\nrequests_timeout soon\n}", `requests_timeout: "soon" is no duration`},
		{"redis_streams redis://a {\nsentinel\n}", "sentinel: expected one value"},
		{"redis_streams redis://a {\nsentinel m {\nport 1\n}\n}", `sentinel: unknown option "port"`},
		{"redis_streams redis://a {\ntls on\n}", `tls: unexpected "on"`},
		{"redis_streams redis://a {\ntls {\ncert x\n}\n}", `tls: unknown option "cert"`},
	})
}

// newConfig returns a module for a URL.
func newConfig(url string) *RedisStreams { return &RedisStreams{Config: redisconn.Config{URL: url}} }

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := newConfig("redis://h").resolveSettings()
	if err != nil || s.Streams.Stream != "socket.io" || s.Streams.ChannelPrefix != "socket.io" || s.Streams.SessionPrefix != "sio:session:" || s.Streams.MaxLen != 10_000 || s.RequestsTimeout != 5e9 {
		t.Errorf("%+v, %v", s, err)
	}
	for want, change := range map[string]func(*RedisStreams){
		"max_len: ":          func(r *RedisStreams) { r.MaxLen = -1 },
		"requests_timeout: ": func(r *RedisStreams) { r.RequestsTimeout = -1 },
		"stream: ":           func(r *RedisStreams) { r.Stream = "{env.SURELY_NOT_SET}" },
		"url: ":              func(r *RedisStreams) { r.URL = "ftp://h" },
	} {
		r := newConfig("redis://h")
		change(r)
		if _, err := r.resolveSettings(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestConfigsShareConnections(t *testing.T) {
	a, b := newConfig("redis://localhost:1"), newConfig("redis://localhost:1")
	b.Stream = "socket.io" // as by default
	used := func() bool { return a.connections.InUse() }
	redistest.AssertSharing(t, a, b, newConfig("redis://localhost:2"), new(RedisStreams), pool, used)
}

func TestProvisionRefusesURL(t *testing.T) {
	if err := redistest.Provision(t, newConfig("ftp://h")); err == nil || !strings.Contains(err.Error(), "redis_streams: url: ") {
		t.Error(err)
	}
}
