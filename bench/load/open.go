package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Transport is how a client reaches the server.
type Transport int

// The transports.
const (
	Plain   Transport = iota // WebSocket over TCP
	Polling                  // long-polling over TCP
	TLS                      // WebSocket over TLS 1.3
	HTTP2                    // WebSocket on a stream of HTTP/2 over TLS, by RFC 8441
	HTTP3                    // WebSocket on a stream of HTTP/3, by RFC 9220
)

// Options are the same for all clients of one Open.
type Options struct {
	// Address is the server's.
	Address netip.AddrPort
	// Protocol is the protocol of the server.
	Protocol Protocol
	// Transport is plain WebSocket by default.
	Transport Transport
	// Room returns the room that a client joins, "" for none. nil is for no room.
	Room func(index int) string
	// Streams is the number of WebSockets on a connection of HTTP/2 or HTTP/3, 1 by default.
	Streams int
	// Parallel is the number of clients that open at the same time, 64 by default.
	Parallel int
}

// openLimit is the longest time for the clients of one Open.
const openLimit = 2 * time.Minute

// Open opens n clients and returns when all have joined their rooms.
func (l *Loop) Open(n int, options Options) ([]*Client, error) {
	clients := make([]*Client, 0, n)
	ready, parallel := 0, options.Parallel
	if parallel == 0 {
		parallel = 64
	}
	onReady := func(*Client) { ready++ }
	err := l.Run(fmt.Sprintf("open %d clients", n), openLimit, func() bool {
		for len(clients) < n && len(clients)-ready < parallel {
			c, err := l.OpenOne(len(clients), &options, onReady)
			if err != nil {
				l.fail(err)
				return false
			}
			clients = append(clients, c)
		}
		return ready == n
	})
	return clients, err
}

// OpenOne begins to open one client. onReady is called when it has joined its room. It is
// for callbacks and the done function of Run, which hold the lock.
func (l *Loop) OpenOne(index int, options *Options, onReady func(*Client)) (*Client, error) {
	c := &Client{Index: index, loop: l, options: options, fd: -1, onReady: onReady, polls: options.Transport == Polling}
	c.yield = c.followMessage
	switch options.Transport {
	case TLS:
		source := l.nextSource()
		l.streams[c] = struct{}{}
		go c.runStream(func() (io.ReadWriteCloser, error) { return dialTLS(source, options.Address, clientTLS) })
	case HTTP2, HTTP3:
		l.streams[c] = struct{}{}
		go c.runStream(l.nextConn(options).openStream)
	default:
		return c, c.dial()
	}
	return c, nil
}

// dial begins a TCP connection.
func (c *Client) dial() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("create socket: %w", err)
	}
	c.fd = fd
	c.loop.clients[fd] = c
	source := netip.AddrPortFrom(c.loop.nextSource(), 0)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, socketAddress(source)))
	if err != nil {
		return fmt.Errorf("bind to %s: %w", source.Addr(), err)
	}
	if err := unix.Connect(fd, socketAddress(c.options.Address)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect to %s: %w", c.options.Address, err)
	}
	c.watch(unix.EPOLL_CTL_ADD, unix.EPOLLOUT)
	return nil
}

// finishDial sends the first request on a new TCP connection.
func (c *Client) finishDial() {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		c.failClient(fmt.Errorf("connect: %w", err))
		return
	}
	c.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	if c.polls {
		c.state = stateOpening
		c.startPoll()
		return
	}
	c.state = stateUpgrading
	c.write(upgradeRequest(c.options))
}

// upgradeRequest returns the request that upgrades a connection to a WebSocket.
func upgradeRequest(o *Options) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		o.Protocol.Path("websocket"), o.Address)
}
