package redisstreams

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// fresh returns a module without settings.
func fresh() caddyfile.Unmarshaler { return new(RedisStreams) }

func TestCaddyfile(t *testing.T) {
	redistest.AssertCaddyfiles(t, fresh, [][2]string{
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

func TestCaddyfileErrors(t *testing.T) {
	redistest.AssertCaddyfileErrors(t, fresh, [][2]string{
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

// config returns a module for a URL.
func config(url string) *RedisStreams { return &RedisStreams{Config: redisconn.Config{URL: url}} }

func TestSettings(t *testing.T) {
	s, err := config("redis://h").settings()
	if err != nil || s.Streams.Stream != "socket.io" || s.Streams.ChannelPrefix != "socket.io" || s.Streams.SessionPrefix != "sio:session:" || s.Streams.MaxLen != 10_000 || s.RequestsTimeout != 5e9 {
		t.Errorf("%+v, %v", s, err)
	}
	for want, change := range map[string]func(*RedisStreams){
		"max_len: ":          func(r *RedisStreams) { r.MaxLen = -1 },
		"requests_timeout: ": func(r *RedisStreams) { r.RequestsTimeout = -1 },
		"stream: ":           func(r *RedisStreams) { r.Stream = "{env.SURELY_NOT_SET}" },
		"url: ":              func(r *RedisStreams) { r.URL = "ftp://h" },
	} {
		r := config("redis://h")
		change(r)
		if _, err := r.settings(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestConfigsShareConnections(t *testing.T) {
	a, b := config("redis://localhost:1"), config("redis://localhost:1")
	b.Stream = "socket.io" // as by default
	used := func() bool { return a.connections.InUse() }
	redistest.AssertSharing(t, a, b, config("redis://localhost:2"), new(RedisStreams), pool, used)
}

func TestRefusedConfig(t *testing.T) {
	if err := redistest.Provision(t, config("ftp://h")); err == nil || !strings.Contains(err.Error(), "redis_streams: url: ") {
		t.Error(err)
	}
}
