package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// CommandTimeout is how long Redis may take to answer a command.
const CommandTimeout = 5 * time.Second

const dialTimeout = 5 * time.Second

// maxRedirections is how often servers of a Redis Cluster may point to others. One that
// points to itself would be asked for ever.
const maxRedirections = 16

// Server is a Redis as a config names it, checked and complete.
type Server struct {
	// Addresses are where to begin, for the log.
	Addresses []string
	// ID differs where anything differs, and tells no secret.
	ID string

	network  string // "tcp" or "unix"
	database int
	username string
	password string
	tls      *tls.Config // nil for none
	sentinel Sentinel    // without a Master there is none
}

// Options returns what the Redis client is to do. It connects until ctx ends.
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

// DialError says that there is no connection, so that nothing was sent.
type DialError struct{ error }

// Unwrap returns why.
func (e *DialError) Unwrap() error { return e.error }

// newDialer returns the function that connects. It gives up when ctx ends.
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
		// A config that is shared by several hosts has no name of its own.
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, s.network, address)
}
