package redisconn

import (
	"context"
	"crypto/tls"
	"net"
)

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

// dialRedis connects to an address, with TLS if config is not nil.
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
