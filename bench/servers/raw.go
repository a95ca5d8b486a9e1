package servers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// rawServer is the baseline: one thread, one write(2) for each delivery, no checks. It
// speaks as much of Socket.IO as the benchmark needs.
type rawServer struct {
	epoll, listener int
	conns           map[int]*rawConn
	rooms           map[string]map[*rawConn]struct{}
	buffer          []byte
}

type rawConn struct {
	fd       int
	upgraded bool
	unread   []byte
	unsent   []byte
	rooms    []string
}

// ServeRaw serves on an address. It returns only with an error.
func ServeRaw(address string) error {
	where, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	s := &rawServer{conns: make(map[int]*rawConn), rooms: make(map[string]map[*rawConn]struct{}), buffer: make([]byte, 64<<10)}
	if s.epoll, err = unix.EpollCreate1(0); err != nil {
		return err
	}
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0); err != nil {
		return err
	}
	err = errors.Join(
		unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(s.listener, &unix.SockaddrInet4{Port: int(where.Port()), Addr: where.Addr().As4()}),
		unix.Listen(s.listener, 4096),
		s.watchEvents(s.listener, unix.EPOLL_CTL_ADD, unix.EPOLLIN))
	if err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 1024)
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, event := range events[:max(n, 0)] {
			s.serveEvent(event)
		}
	}
}

func (s *rawServer) watchEvents(fd, operation int, events uint32) error {
	return unix.EpollCtl(s.epoll, operation, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *rawServer) serveEvent(event unix.EpollEvent) {
	fd := int(event.Fd)
	if fd == s.listener {
		s.acceptAll()
		return
	}
	c := s.conns[fd]
	if c == nil {
		return
	}
	if event.Events&unix.EPOLLOUT != 0 {
		s.flushUnsent(c)
	}
	if event.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return
	}
	n, err := unix.Read(fd, s.buffer)
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	if err != nil || n == 0 || s.receiveBytes(c, s.buffer[:n]) != nil {
		s.closeConn(c)
	}
}

func (s *rawServer) acceptAll() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if s.watchEvents(fd, unix.EPOLL_CTL_ADD, unix.EPOLLIN) == nil {
			s.conns[fd] = &rawConn{fd: fd}
		}
	}
}

func (s *rawServer) closeConn(c *rawConn) {
	for _, room := range c.rooms {
		delete(s.rooms[room], c)
	}
	delete(s.conns, c.fd)
	_ = unix.Close(c.fd)
}

func (s *rawServer) receiveBytes(c *rawConn, data []byte) error {
	if len(c.unread) > 0 {
		data = append(c.unread, data...)
	}
	if !c.upgraded {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			c.unread = append([]byte(nil), data...)
			return nil
		}
		c.upgraded = true
		s.writeAll(c, append([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
			frameText([]byte(`0{"sid":"raw","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))...))
		data = data[end+4:]
	}
	for len(data) >= 6 {
		header, n := 6, int(data[1]&0x7f)
		if n == 126 {
			header = 8
			if len(data) < header {
				break
			}
			n = int(binary.BigEndian.Uint16(data[2:]))
		}
		if data[0] != 0x81 || n == 127 {
			return fmt.Errorf("unexpected frame %x", data[:2])
		}
		if len(data) < header+n {
			break
		}
		s.handlePacket(c, data[header:header+n])
		data = data[header+n:]
	}
	c.unread = append([]byte(nil), data...)
	return nil
}

// handlePacket runs an event, like 421["join","room"].
func (s *rawServer) handlePacket(c *rawConn, packet []byte) {
	if string(packet) == "40" {
		s.writeAll(c, frameText([]byte(`40{"sid":"raw"}`)))
		return
	}
	head, event, ok := bytes.Cut(packet, []byte{'['})
	if !ok {
		return
	}
	args := bytes.Split(event, []byte{'"'}) // a JSON string each, at odd places
	reply := append(append([]byte("43"), head[2:]...), '[')
	switch string(args[1]) {
	case "join":
		room := string(args[3])
		if s.rooms[room] == nil {
			s.rooms[room] = make(map[*rawConn]struct{})
		}
		s.rooms[room][c] = struct{}{}
		c.rooms = append(c.rooms, room)
	case "leave":
		delete(s.rooms[string(args[3])], c)
		c.rooms = c.rooms[:0]
	case "echo":
		reply = append(append(append(reply, '"'), args[3]...), '"')
	case "bcast":
		frame := frameText(fmt.Appendf(nil, `42["msg","%s"]`, args[5]))
		for member := range s.rooms[string(args[3])] {
			s.writeAll(member, frame)
		}
	}
	if len(head) > 2 {
		s.writeAll(c, frameText(append(reply, ']')))
	}
}

// frameText returns a text message as one frame of a server.
func frameText(text []byte) []byte {
	if len(text) < 126 {
		return append([]byte{0x81, byte(len(text))}, text...)
	}
	return append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
}

// writeAll writes at once, and keeps the bytes that the kernel does not accept.
func (s *rawServer) writeAll(c *rawConn, data []byte) {
	if len(c.unsent) > 0 {
		c.unsent = append(c.unsent, data...)
		return
	}
	n, _ := unix.Write(c.fd, data) // a broken connection is closed by its next read
	if n = max(n, 0); n < len(data) {
		c.unsent = append(c.unsent, data[n:]...)
		_ = s.watchEvents(c.fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

func (s *rawServer) flushUnsent(c *rawConn) {
	n, _ := unix.Write(c.fd, c.unsent)
	if c.unsent = c.unsent[max(n, 0):]; len(c.unsent) == 0 {
		c.unsent = nil
		_ = s.watchEvents(c.fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	}
}
