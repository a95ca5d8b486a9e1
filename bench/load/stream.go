package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"time"
)

// clientTLS accepts the certificate that the benchmark makes for its servers. Each connection
// has a handshake of its own: no session is resumed.
var clientTLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ServerName: "localhost"}

// streamBuffer is the size of one read of a stream.
const streamBuffer = 4 << 10

// runStream opens the stream of a client with open and reads it until it is closed.
func (c *Client) runStream(open func() (io.ReadWriteCloser, error)) {
	s, err := open()
	c.loop.mu.Lock()
	if err == nil && c.state == stateClosed {
		err = s.Close()
	}
	if err != nil || c.state == stateClosed {
		c.failClient(fmt.Errorf("open stream: %w", err))
		c.loop.mu.Unlock()
		return
	}
	c.stream = s
	if c.options.Transport == TLS {
		c.state = stateUpgrading
		c.write(upgradeRequest(c.options))
	} else {
		c.finishUpgrade()
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
