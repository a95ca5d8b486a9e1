package redisconn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServerFollowsConfig(t *testing.T) {
	t.Setenv("REDIS_PASSWORD", "from env")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   Config
		want func(*Server) bool
	}{
		{Config{URL: "redis://localhost"}, func(s *Server) bool {
			return s.Addresses[0] == "localhost:6379" && s.tls == nil && s.network == "tcp"
		}},
		{Config{URL: "redis://user:p%40ss@[::1]:7000/3"}, func(s *Server) bool {
			return s.Addresses[0] == "[::1]:7000" && s.username == "user" && s.password == "p@ss" && s.database == 3
		}},
		{Config{URL: "redis://user:x@h", Password: "{env.REDIS_PASSWORD}"}, func(s *Server) bool { return s.username == "user" && s.password == "from env" }},
		{Config{URL: "redis://h", Username: "u", Password: "{file." + secret + "}"}, func(s *Server) bool { return s.password == "from file" }},
		{Config{URL: "rediss://h"}, func(s *Server) bool { return s.tls != nil && !s.tls.InsecureSkipVerify && s.tls.MinVersion > 0x0302 }},
		{Config{URL: "redis://h", TLS: &TLS{ServerName: "x"}}, func(s *Server) bool { return s.tls.ServerName == "x" }},
		{Config{URL: "unix:///run/redis.sock"}, func(s *Server) bool { return s.network == "unix" && s.Addresses[0] == "/run/redis.sock" }},
		{Config{URL: "redis://a", Addresses: []string{"b", "[::1]:1", "c:7"}}, func(s *Server) bool {
			return strings.Join(s.Addresses, " ") == "a:6379 b:6379 [::1]:1 c:7"
		}},
		{Config{URL: "redis://a", Sentinel: &Sentinel{Master: "m"}}, func(s *Server) bool { return s.Addresses[0] == "a:26379" }},
	}
	for _, tt := range tests {
		in := NewResolver()
		s, err := tt.in.Server(in), in.Err()
		if err != nil || !tt.want(s) {
			t.Errorf("%+v: %+v, %v", tt.in, s, err)
		}
	}
}

func TestServerErrorsNameTheOption(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   Config
		want string
	}{
		{Config{}, "url: expected one like"},
		{Config{URL: "localhost:6379"}, "url: "},
		{Config{URL: "http://h"}, "url: expected redis://"},
		{Config{URL: "redis://"}, "url: "},
		{Config{URL: "redis://h:x"}, "url: expected one like"},
		{Config{URL: "redis://h:99999"}, "is no address"},
		{Config{URL: "redis://u:se cr%zzet@h"}, "url: expected one like"},
		{Config{URL: "redis://h/db"}, "number of a database"},
		{Config{URL: "redis://h?x=1"}, "not parameters of the URL"},
		{Config{URL: "unix://h/x"}, "expected a path"},
		{Config{URL: "redis://h", Addresses: []string{"redis://b"}}, "addresses: "},
		{Config{URL: "redis://h", Password: "{env.SURELY_NOT_SET}"}, "password: "},
		{Config{URL: "redis://h", Password: "{file./does/not/exist}"}, "password: "},
		{Config{URL: "redis://h", Username: "u"}, "username: expected a password"},
		{Config{URL: "redis://h", Sentinel: &Sentinel{}}, "sentinel: expected the name"},
		{Config{URL: "redis://h", TLS: &TLS{CA: "/does/not/exist"}}, "tls ca: "},
		{Config{URL: "redis://h", TLS: &TLS{CA: junk}}, "tls ca: no certificate"},
		{Config{URL: "redis://h", TLS: &TLS{Certificate: junk, Key: junk}}, "tls certificate and key: "},
	}
	for _, tt := range tests {
		in := NewResolver()
		tt.in.Server(in)
		err := in.Err()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.in, err, tt.want)
		} else if strings.Contains(err.Error(), "cr%zzet") {
			t.Errorf("a secret is in the error: %v", err)
		}
	}
}

func TestServerIDDiffersWithSettings(t *testing.T) {
	id := func(c Config, settings ...any) string { return c.Server(NewResolver(), settings...).ID }
	one := Config{URL: "redis://h"}
	first := id(one, 1)
	if id(one, 1) != first {
		t.Error("equal configs have different IDs")
	}
	for _, other := range []string{id(one, 2), id(Config{URL: "redis://h/1"}, 1), id(Config{URL: "redis://:x@h"}, 1), id(Config{URL: "rediss://h"}, 1)} {
		if other == first {
			t.Error("different configs have the same ID")
		}
	}
}
