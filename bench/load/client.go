package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Client is one connection, and its socket in the default namespace.
type Client struct {
	// Index is the number of the client among the clients of one Open.
	Index int
	// Next is the number of the next delivery from each sender, which the scenario compares.
	Next [MaxSenders]uint64
	// User belongs to the scenario.
	User any

	loop    *Loop
	options *Options
	fd      int                // -1 with a stream
	stream  io.ReadWriteCloser // over TLS, on HTTP/2 and HTTP/3; nil for others
	state   clientState
	unread  []byte // the begin of a message
	unsent  []byte
	onReady func(*Client)
	yield   func(Message) // followMessage

	// Of long-polling.
	polls   bool
	posting bool     // the next response is of a POST
	sid     string   // empty before the first response
	queued  [][]byte // messages for the next POST
}

// MaxSenders is the number of senders whose deliveries keep their order each.
const MaxSenders = 4

type clientState int

const (
	stateDialing   clientState = iota // TCP connects
	stateUpgrading                    // the response to the upgrade has not arrived
	stateOpening                      // the protocol's own handshake
	stateJoining                      // the acknowledgement of the join has not arrived
	stateOpen
	stateClosed
)

// errClosed is the failure of a client whose server closes its connection.
var errClosed = errors.New("the server closed the connection")

// serveEvents handles the events of epoll for the descriptor.
func (c *Client) serveEvents(events uint32) {
	if c.state == stateDialing {
		c.finishDial()
		return
	}
	if events&unix.EPOLLOUT != 0 {
		c.flushUnsent()
	}
	for events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.state != stateClosed {
		n, err := unix.Read(c.fd, c.loop.buffer)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			return
		case err != nil:
			c.failClient(err)
			return
		case n == 0:
			c.failClient(errClosed)
			return
		}
		c.loop.now = time.Now()
		c.receive(c.loop.buffer[:n])
		if n < len(c.loop.buffer) {
			return
		}
	}
}

func (c *Client) failClient(err error) {
	if c.state != stateClosed {
		c.loop.fail(fmt.Errorf("client %d: %w", c.Index, err))
	}
}

// receive takes bytes of the server.
func (c *Client) receive(data []byte) {
	if len(c.unread) > 0 {
		c.unread = append(c.unread, data...)
		data = c.unread
	}
	for len(data) > 0 && c.state != stateClosed {
		n, err := c.receiveNext(data)
		if err != nil {
			c.failClient(err)
			return
		}
		if n == 0 {
			break
		}
		data = data[n:]
	}
	c.unread = append(c.unread[:0], data...)
	if len(c.unread) == 0 {
		c.unread = nil
	}
}

// receiveNext handles the first message in data and returns its length, or 0 if data ends
// within it.
func (c *Client) receiveNext(data []byte) (int, error) {
	if c.polls {
		return c.receiveResponse(data)
	}
	if c.state == stateUpgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			return 0, fmt.Errorf("upgrade: %.100q", data)
		}
		c.finishUpgrade()
		return end + 4, nil
	}
	opcode, payload, n, err := cutFrame(data)
	if err != nil || n == 0 {
		return 0, err
	}
	switch opcode {
	case opText:
		return n, c.options.Protocol.Parse(payload, c.yield)
	case opClose:
		return 0, fmt.Errorf("the server closed the WebSocket: %q", payload)
	case opPing, opPong:
		return n, nil
	}
	return 0, fmt.Errorf("read frame: unexpected opcode %d", opcode)
}

// finishUpgrade begins the handshake of the protocol.
func (c *Client) finishUpgrade() {
	c.state = stateOpening
	if greeting := c.options.Protocol.Greet(); greeting != nil {
		c.Send(greeting)
	}
}

// followMessage follows the handshake, and passes later messages to the scenario.
func (c *Client) followMessage(m Message) {
	p := c.options.Protocol
	switch m.Kind {
	case Opened:
		c.Send(p.Connect())
	case Pinged:
		c.loop.Heartbeats++
		c.Send(p.Pong())
	case Connected:
		c.state = stateJoining
		room := ""
		if c.options.Room != nil {
			room = c.options.Room(c.Index)
		}
		if room == "" {
			c.finishOpen()
		} else {
			c.Send(p.Join(joinID, room))
		}
	case Acked, Delivered:
		switch {
		case c.state == stateJoining && m.Kind == Acked:
			c.finishOpen()
		case c.state == stateOpen && c.loop.OnMessage != nil:
			c.loop.OnMessage(c, m)
		}
	}
}

// joinID is the id of the join of Open.
const joinID = 1

func (c *Client) finishOpen() {
	c.state = stateOpen
	c.onReady(c)
}

// Send sends a message of the protocol.
func (c *Client) Send(message []byte) {
	if c.polls {
		c.postMessage(message)
		return
	}
	c.write(AppendFrame(make([]byte, 0, len(message)+14), message))
}

// write sends bytes, and keeps the ones that the kernel does not accept.
func (c *Client) write(data []byte) {
	if c.stream != nil {
		if _, err := c.stream.Write(data); err != nil {
			c.failClient(err)
		}
		return
	}
	if len(c.unsent) > 0 {
		c.unsent = append(c.unsent, data...)
		return
	}
	n, err := unix.Write(c.fd, data)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		c.failClient(err)
		return
	}
	if n = max(n, 0); n < len(data) {
		c.unsent = append(c.unsent, data[n:]...)
		c.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// flushUnsent sends kept bytes.
func (c *Client) flushUnsent() {
	n, err := unix.Write(c.fd, c.unsent)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		c.failClient(err)
		return
	}
	if c.unsent = c.unsent[max(n, 0):]; len(c.unsent) == 0 {
		c.unsent = nil
		c.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	}
}

// watch changes the events that epoll reports.
func (c *Client) watch(operation int, events uint32) {
	if err := unix.EpollCtl(c.loop.epoll, operation, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)}); err != nil {
		c.failClient(fmt.Errorf("watch connection: %w", err))
	}
}

// Close closes the connection.
func (c *Client) Close() {
	c.closeTransport()
	if c.loop.OnClosed != nil {
		c.loop.OnClosed(c)
	}
}

func (c *Client) closeTransport() {
	if c.state == stateClosed {
		return
	}
	c.state = stateClosed
	c.unread, c.unsent = nil, nil
	if c.options.Transport >= TLS {
		delete(c.loop.streams, c)
		if c.stream != nil {
			_ = c.stream.Close()
		}
		return
	}
	delete(c.loop.clients, c.fd)
	_ = unix.Close(c.fd)
}

// socketAddress converts an address for a system call.
func socketAddress(address netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
}
