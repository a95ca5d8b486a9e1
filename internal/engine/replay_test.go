package engine_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"strings"
)

// replayConn is a client's connection after its handshake that plays a handshake once
// more, for a client that insists on one.
type replayConn struct {
	net.Conn
	r         io.Reader
	response  bytes.Buffer
	requested bool
}

func (c *replayConn) Write(p []byte) (int, error) {
	if c.requested {
		return c.Conn.Write(p)
	}
	c.requested = true
	_, key, _ := strings.Cut(string(p), "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	c.response.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	return len(p), nil
}

func (c *replayConn) Read(p []byte) (int, error) {
	if c.response.Len() > 0 {
		return c.response.Read(p)
	}
	return c.r.Read(p)
}
