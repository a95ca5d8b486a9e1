package load

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// clientTLS accepts the certificate that the benchmark makes for its servers. Each connection
// has a handshake of its own: no session is resumed.
var clientTLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ServerName: "localhost"}

// streamBuffer is the size of one read of a stream.
const streamBuffer = 4 << 10

// runStream opens the stream of a client and reads it until it is closed.
func (c *Client) runStream() {
	s, upgraded, err := c.dialStream()
	c.loop.mu.Lock()
	if err != nil {
		c.failClient(fmt.Errorf("open stream: %w", err))
		c.loop.mu.Unlock()
		return
	}
	c.stream = s
	if upgraded {
		c.finishUpgrade()
	} else {
		c.state = stateUpgrading
		c.write(upgradeRequest(c.options))
	}
	c.loop.mu.Unlock()
	buffer := make([]byte, streamBuffer)
	for {
		n, err := s.Read(buffer)
		c.loop.mu.Lock()
		if n > 0 {
			c.loop.now = time.Now()
			c.receive(buffer[:n])
		}
		if err != nil {
			c.failClient(err)
		}
		c.loop.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// dialStream connects. upgraded tells whether the stream already carries frames.
func (c *Client) dialStream() (s stream, upgraded bool, err error) {
	address := c.options.Address.String()
	switch c.options.Transport {
	case TLS:
		c.loop.mu.Lock()
		source := c.loop.nextSource()
		c.loop.mu.Unlock()
		dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}, Config: clientTLS}
		s, err = dialer.Dial("tcp", address)
		return s, false, err
	}
	return nil, false, fmt.Errorf("transport %d has no streams", c.options.Transport)
}
