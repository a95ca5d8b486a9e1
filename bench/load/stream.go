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
	s, err := c.dialTLS()
	c.loop.mu.Lock()
	if err != nil {
		c.failClient(fmt.Errorf("open stream: %w", err))
		c.loop.mu.Unlock()
		return
	}
	c.stream = s
	c.state = stateUpgrading
	c.write(upgradeRequest(c.options))
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

// dialTLS connects over TLS.
func (c *Client) dialTLS() (net.Conn, error) {
	c.loop.mu.Lock()
	source := c.loop.nextSource()
	c.loop.mu.Unlock()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}, Config: clientTLS}
	return dialer.Dial("tcp", c.options.Address.String())
}
