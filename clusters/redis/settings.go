package redis

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// Times that a connection may take.
const (
	dialTime   = 5 * time.Second
	answerTime = 5 * time.Second // for Redis to answer
)

// settings are a config's, checked and complete.
type settings struct {
	id              string // differs where anything differs
	network         string // "tcp" or "unix"
	addresses       []string
	key             string
	sharded         sharded // "" for the classic dialect
	requestsTimeout time.Duration
	username        string
	password        string
	tls             *tls.Config // nil for none
	sentinel        Sentinel    // without a Master there is none
}

// options returns what the Redis client is to do. It connects until ctx ends.
func (s *settings) options(ctx context.Context) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress: s.addresses,
		Username:    s.username,
		Password:    s.password,
		ClientName:  "caddy-socketio",
		TLSConfig:   s.tls,
		Dialer:      net.Dialer{Timeout: dialTime},
		DialCtxFn:   s.dialer(ctx),
		Sentinel: rueidis.SentinelOption{
			MasterSet: s.sentinel.Master, Username: s.sentinel.Username, Password: s.sentinel.Password,
			TLSConfig: s.tls, Dialer: net.Dialer{Timeout: dialTime}, TopologyRefreshInterval: 5 * time.Second,
		},
		ConnWriteTimeout:    answerTime,
		ReadBufferEachConn:  1 << 16,
		WriteBufferEachConn: 1 << 16,
		PipelineMultiplex:   -1, // one connection: several would not keep the order
		DisableRetry:        true,
		DisableCache:        true,
	}
}

// dialError says that there is no connection, so that nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dialer returns the function that connects. It gives up when ctx ends.
func (s *settings) dialer(ctx context.Context) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(short context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		short, cancel := context.WithCancel(short)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		conn, err := s.dial(short, address, d, config)
		if err != nil {
			return nil, &dialError{err}
		}
		return conn, nil
	}
}

func (s *settings) dial(ctx context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
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
