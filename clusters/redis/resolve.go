package redis

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Defaults of the settings.
const (
	defaultKey             = "socket.io"
	defaultRequestsTimeout = 5 * time.Second
)

// resolver replaces placeholders, and keeps the first error.
type resolver struct {
	repl *caddy.Replacer
	err  error
}

func (r *resolver) text(option, value string) string {
	out, err := r.repl.ReplaceOrErr(value, true, true)
	if err != nil {
		r.fail(option, err)
	}
	return out
}

func (r *resolver) fail(option string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", option, err)
	}
}

// settings checks what the config says, with placeholders replaced. Errors name
// the option, and no secret.
func (r *Redis) settings() (*settings, error) {
	in := resolver{repl: caddy.NewReplacer()}
	s := &settings{
		key:             cmp.Or(in.text("key", r.Key), defaultKey),
		requestsTimeout: cmp.Or(time.Duration(r.RequestsTimeout), defaultRequestsTimeout),
	}
	if s.sharded = sharded(r.Sharded); s.sharded != "" && !s.sharded.valid() {
		in.fail("sharded", fmt.Errorf("unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded))
	}
	if s.requestsTimeout < 0 {
		in.fail("requests_timeout", errors.New("expected a duration above 0"))
	}
	if r.Sentinel != nil {
		s.sentinel = Sentinel{
			Master:   in.text("sentinel", r.Sentinel.Master),
			Username: in.text("sentinel username", r.Sentinel.Username),
			Password: in.text("sentinel password", r.Sentinel.Password),
		}
		if s.sentinel.Master == "" {
			in.fail("sentinel", errors.New("expected the name of the master"))
		}
	}
	secure := s.locate(&in, in.text("url", r.URL))
	for _, address := range r.Addresses {
		s.addAddress(&in, "addresses", in.text("addresses", address))
	}
	s.username = cmp.Or(in.text("username", r.Username), s.username)
	s.password = cmp.Or(in.text("password", r.Password), s.password)
	if s.username != "" && s.password == "" {
		in.fail("username", errors.New("expected a password, too"))
	}
	proof := s.secure(&in, r.TLS, secure)
	if in.err != nil {
		return nil, in.err
	}
	id, err := json.Marshal([]any{s.network, s.addresses, s.key, s.sharded, s.requestsTimeout, s.username, s.password, s.sentinel, proof})
	sum := sha256.Sum256(id)
	s.id = hex.EncodeToString(sum[:]) // it may be seen where secrets should not
	return s, err
}

// locate takes the URL apart, and reports whether it asks for TLS.
func (s *settings) locate(in *resolver, text string) (secure bool) {
	fail := func(why string) { in.fail("url", errors.New(why)) }
	if text == "" {
		fail("expected one like redis://localhost:6379")
		return false
	}
	u, err := url.Parse(text)
	if err != nil {
		fail("expected one like redis://localhost:6379; special characters in a password must be percent-encoded, or go into the option password")
		return false
	}
	if u.User != nil {
		s.username = u.User.Username()
		s.password, _ = u.User.Password()
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		fail("settings are options of their own, not parameters of the URL")
	case u.Scheme == "unix":
		s.network = "unix"
		if s.addresses = []string{u.Path}; u.Host != "" || u.Path == "" {
			fail("expected a path, as in unix:///run/redis.sock")
		}
	case u.Scheme == "redis" || u.Scheme == "rediss":
		s.network = "tcp"
		s.addAddress(in, "url", u.Host)
		if database := strings.TrimPrefix(u.Path, "/"); database != "" {
			if _, err := strconv.ParseUint(database, 10, 16); err != nil {
				fail("expected nothing but the number of a database after the host")
			}
		}
	default:
		fail("expected redis://, rediss:// or unix://")
	}
	return u.Scheme == "rediss"
}

// addAddress adds a server.
func (s *settings) addAddress(in *resolver, option, address string) {
	port := "6379"
	if s.sentinel.Master != "" {
		port = "26379"
	}
	host, given, err := net.SplitHostPort(address)
	if err != nil {
		host, given = strings.Trim(address, "[]"), port
	}
	n, err := strconv.ParseUint(cmp.Or(given, port), 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/@ ") || s.network == "unix" {
		in.fail(option, fmt.Errorf("%q is no address: expected one like localhost:%s", address, port))
		return
	}
	s.addresses = append(s.addresses, net.JoinHostPort(host, strconv.FormatUint(n, 10)))
}

// secure sets TLS up, and returns what tells it from another: a file may have
// changed.
func (s *settings) secure(in *resolver, t *TLS, on bool) (proof []string) {
	if !on && t == nil {
		return nil
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if t == nil {
		return []string{"tls"}
	}
	s.tls.ServerName = in.text("tls server_name", t.ServerName)
	s.tls.InsecureSkipVerify = t.Insecure
	ca := in.file("tls ca", t.CA)
	certificate, key := in.file("tls certificate", t.Certificate), in.file("tls key", t.Key)
	if ca != "" {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			in.fail("tls ca", fmt.Errorf("no certificate in %s", t.CA))
		}
	}
	if t.Certificate != "" || t.Key != "" {
		pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			in.fail("tls certificate and key", err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	return []string{"tls", s.tls.ServerName, strconv.FormatBool(t.Insecure), ca, certificate, key}
}

// file returns what is in a file; nothing without one.
func (r *resolver) file(option, name string) string {
	if name = r.text(option, name); name == "" {
		return ""
	}
	content, err := os.ReadFile(name)
	if err != nil {
		r.fail(option, err)
	}
	return string(content)
}
