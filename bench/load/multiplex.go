package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// muxConn is one connection of HTTP/2 or HTTP/3. Each WebSocket of its clients is a stream.
type muxConn struct {
	options *Options
	source  netip.Addr
	unused  int // streams that clients may still open; guarded by the lock of the loop

	dialing sync.Once // guards the following until it is done
	err     error
	conn    http.RoundTripper
	close   func() error
}

// nextConn returns the connection for the stream of the next client.
func (l *Loop) nextConn(options *Options) *muxConn {
	if n := len(l.conns); n > 0 && l.conns[n-1].options == options && l.conns[n-1].unused > 0 {
		l.conns[n-1].unused--
		return l.conns[n-1]
	}
	m := &muxConn{options: options, source: l.nextSource(), unused: max(options.Streams, 1) - 1}
	l.conns = append(l.conns, m)
	return m
}

// openStream opens a WebSocket on a stream. The first stream dials the connection.
func (m *muxConn) openStream() (io.ReadWriteCloser, error) {
	m.dialing.Do(func() {
		if m.options.Transport == HTTP3 {
			m.err = m.dialHTTP3()
		} else {
			m.err = m.dialHTTP2()
		}
	})
	if m.err != nil {
		return nil, m.err
	}
	body, send := io.Pipe()
	req, err := http.NewRequest(http.MethodConnect, "https://"+m.options.Address.String()+m.options.Protocol.Path("websocket"), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.ContentLength = -1
	// Each library has its own way to say the protocol of an extended CONNECT.
	if m.options.Transport == HTTP3 {
		req.Proto = "websocket"
	} else {
		req.Header.Set(":protocol", "websocket")
	}
	resp, err := m.conn.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("open WebSocket on a stream: %s", resp.Status), resp.Body.Close())
	}
	return &muxStream{ReadCloser: resp.Body, send: send}, nil
}

func (m *muxConn) dialHTTP2() error {
	config := clientTLS.Clone()
	config.NextProtos = []string{http2.NextProtoTLS}
	conn, err := dialTLS(m.source, m.options.Address, config)
	if err != nil {
		return err
	}
	m.close = conn.Close
	//lint:ignore SA1019 the client of net/http refuses the header ":protocol"
	m.conn, err = new(http2.Transport).NewClientConn(conn)
	return err
}

func (m *muxConn) dialHTTP3() error {
	config := clientTLS.Clone()
	config.NextProtos = []string{http3.NextProtoH3}
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(m.source, 0)))
	if err != nil {
		return err
	}
	m.close = udp.Close
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	defer cancel()
	conn, err := quic.Dial(ctx, udp, net.UDPAddrFromAddrPort(m.options.Address), config, nil)
	if err != nil {
		return err
	}
	m.close = func() error { return errors.Join(conn.CloseWithError(0, ""), udp.Close()) }
	m.conn = new(http3.Transport).NewClientConn(conn)
	return nil
}

// closeConn closes the connection, if it was dialed.
func (m *muxConn) closeConn() {
	m.dialing.Do(func() { m.err = net.ErrClosed })
	if m.close != nil {
		_ = m.close()
	}
}

// muxStream is a WebSocket on a stream: it reads the body of the response, and writes the
// body of the request.
type muxStream struct {
	io.ReadCloser
	send *io.PipeWriter
}

func (s *muxStream) Write(p []byte) (int, error) { return s.send.Write(p) }

func (s *muxStream) Close() error { return errors.Join(s.send.Close(), s.ReadCloser.Close()) }

// dialTLS connects over TLS from a source address.
func dialTLS(source netip.Addr, server netip.AddrPort, config *tls.Config) (net.Conn, error) {
	dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}, Config: config}
	return dialer.Dial("tcp", server.String())
}
