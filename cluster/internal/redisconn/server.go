package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// CommandTimeout is the longest time for the reply to a command.
const CommandTimeout = 5 * time.Second

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

// DialError is the error of a failed dial: the command was not sent.
type DialError struct{ error }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.error }

// newDialer returns the function that connects. It fails once ctx ends.
func (s *Server) newDialer(ctx context.Context) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(short context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		short, cancel := context.WithCancel(short)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		conn, err := s.dialRedis(short, address, d, config)
		if err != nil {
			return nil, &DialError{err}
		}
		return newGuardedConn(conn, address), nil
	}
}

func (s *Server) dialRedis(ctx context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	if config == nil {
		return d.DialContext(ctx, s.network, address)
	}
	if config.ServerName == "" {
		// A config for several hosts has no server name.
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, s.network, address)
}
