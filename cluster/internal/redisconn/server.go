package redisconn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// CommandTimeout is the longest time for the reply to a command.
const CommandTimeout = 5 * time.Second

// dialTimeout is the longest time for one connection attempt.
const dialTimeout = 5 * time.Second

// maxRedirections bounds the redirections between the servers of a Redis Cluster. Without
// it a server that redirects to itself gets requests forever.
const maxRedirections = 16

// Server is the Redis of a config, checked and complete.
type Server struct {
	// Addresses are the first addresses to connect to, for the log.
	Addresses []string
	// ID is a hash of the server and the adapter's settings. It contains no secret.
	ID string

	network  string // "tcp" or "unix"
	database int
	username string
	password string
	tls      *tls.Config // nil without TLS
	sentinel Sentinel    // without a Master, no sentinels
}

// Options returns the options of the client library. Dials fail once ctx ends.
func (s *Server) Options(ctx context.Context) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress: s.Addresses,
		Username:    s.username,
		Password:    s.password,
		SelectDB:    s.database,
		ClientName:  "caddy-socketio",
		TLSConfig:   s.tls,
		Dialer:      net.Dialer{Timeout: dialTimeout},
		DialCtxFn:   s.newDialer(ctx),
		Sentinel: rueidis.SentinelOption{
			MasterSet: s.sentinel.Master, Username: s.sentinel.Username, Password: s.sentinel.Password,
			TLSConfig: s.tls, Dialer: net.Dialer{Timeout: dialTimeout}, TopologyRefreshInterval: 5 * time.Second,
		},
		ClusterOption:       rueidis.ClusterOption{MaxMovedRedirections: maxRedirections},
		ConnWriteTimeout:    CommandTimeout,
		ReadBufferEachConn:  1 << 16,
		WriteBufferEachConn: 1 << 16,
		PipelineMultiplex:   -1, // one connection: several would not keep the order
		DisableRetry:        true,
		DisableCache:        true,
	}
}

// Server returns the Redis of the config. The Resolver keeps errors, with the name of the
// option and without secrets. The settings of the adapter are part of the Server's ID.
func (c *Config) Server(in *Resolver, settings ...any) *Server {
	s, tlsIdentity := c.resolveServer(in)
	s.setID(in, tlsIdentity, settings)
	return s
}

// ServerWithoutDatabase is Server for an adapter that uses only channels, which belong to
// no database.
func (c *Config) ServerWithoutDatabase(in *Resolver, settings ...any) *Server {
	s, tlsIdentity := c.resolveServer(in)
	s.database = 0
	s.setID(in, tlsIdentity, settings)
	return s
}

// setID sets a server's ID, a hash of the server, its TLS files and the settings.
func (s *Server) setID(in *Resolver, tlsIdentity []string, settings []any) {
	id, err := json.Marshal([]any{s.network, s.Addresses, s.database, s.username, s.password, s.sentinel, tlsIdentity, settings})
	if err != nil {
		in.Fail("settings", err)
	}
	sum := sha256.Sum256(id)
	s.ID = hex.EncodeToString(sum[:]) // a hash, because it may be logged
}

// resolveServer returns a server without an ID.
func (c *Config) resolveServer(in *Resolver) (s *Server, tlsIdentity []string) {
	s = new(Server)
	if c.Sentinel != nil {
		s.sentinel = Sentinel{
			Master:   in.Replace("sentinel", c.Sentinel.Master),
			Username: in.Replace("sentinel username", c.Sentinel.Username),
			Password: in.Replace("sentinel password", c.Sentinel.Password),
		}
		if s.sentinel.Master == "" {
			in.Fail("sentinel", errors.New("expected the name of the master"))
		}
	}
	tlsRequested := s.parseURL(in, in.Replace("url", c.URL))
	for _, address := range c.Addresses {
		s.addAddress(in, "addresses", in.Replace("addresses", address))
	}
	s.username = cmp.Or(in.Replace("username", c.Username), s.username)
	s.password = cmp.Or(in.Replace("password", c.Password), s.password)
	if s.username != "" && s.password == "" {
		in.Fail("username", errors.New("expected a password, too"))
	}
	return s, s.configureTLS(in, c.TLS, tlsRequested)
}

// parseURL reads the URL, and reports whether it requests TLS.
func (s *Server) parseURL(in *Resolver, text string) (tlsRequested bool) {
	fail := func(why string) { in.Fail("url", errors.New(why)) }
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
		if s.Addresses = []string{u.Path}; u.Host != "" || u.Path == "" {
			fail("expected a path, as in unix:///run/redis.sock")
		}
	case u.Scheme == "redis" || u.Scheme == "rediss":
		s.network = "tcp"
		s.addAddress(in, "url", u.Host)
		if database := strings.TrimPrefix(u.Path, "/"); database != "" {
			n, err := strconv.ParseUint(database, 10, 16)
			if err != nil {
				fail("expected nothing but the number of a database after the host")
			}
			s.database = int(n)
		}
	default:
		fail("expected redis://, rediss:// or unix://")
	}
	return u.Scheme == "rediss"
}

// addAddress checks an address and adds it.
func (s *Server) addAddress(in *Resolver, option, address string) {
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
		in.Fail(option, fmt.Errorf("%q is no address: expected one like localhost:%s", address, port))
		return
	}
	s.Addresses = append(s.Addresses, net.JoinHostPort(host, strconv.FormatUint(n, 10)))
}

// configureTLS sets TLS up, and returns its identity: the contents of the files, which may
// have changed since an earlier config.
func (s *Server) configureTLS(in *Resolver, t *TLS, requested bool) (tlsIdentity []string) {
	if !requested && t == nil {
		return nil
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if t == nil {
		return []string{"tls"}
	}
	s.tls.ServerName = in.Replace("tls server_name", t.ServerName)
	s.tls.InsecureSkipVerify = t.Insecure
	ca := in.readFile("tls ca", t.CA)
	certificate, key := in.readFile("tls certificate", t.Certificate), in.readFile("tls key", t.Key)
	if ca != "" {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			in.Fail("tls ca", fmt.Errorf("no certificate in %s", t.CA))
		}
	}
	if t.Certificate != "" || t.Key != "" {
		pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			in.Fail("tls certificate and key", err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	return []string{"tls", s.tls.ServerName, strconv.FormatBool(t.Insecure), ca, certificate, key}
}
