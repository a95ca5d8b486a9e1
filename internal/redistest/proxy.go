package redistest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy copies bytes between clients and a Redis.
type Proxy struct {
	// Server has the address of the proxy.
	*Server

	target string

	mu     sync.Mutex // guards the following
	mute   string     // a client that sends this text receives nothing afterwards
	muted  chan struct{}
	conns  []net.Conn
	closed bool          // close new connections
	delay  time.Duration // of the bytes to both sides
}

// StartProxy starts a proxy of a Redis. It stops at the end of the test.
func StartProxy(t testing.TB, to *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Server: &Server{t: t, Port: l.Addr().(*net.TCPAddr).Port}, target: to.Address(), muted: make(chan struct{}, 100)}
	t.Cleanup(func() {
		l.Close()
		p.CloseConns()
	})
	go p.acceptConns(l)
	return p
}

// acceptConns accepts clients, and connects each to the Redis.
func (p *Proxy) acceptConns(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if err != nil || closed {
			if err == nil {
				server.Close()
			}
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		var quiet sync.Mutex // held while the client receives nothing
		go p.copyBytes(server, client, &quiet, true)
		go p.copyBytes(client, server, &quiet, false)
	}
}

// copyBytes copies from one side to the other. In a client's bytes it looks for the text
// that mutes the connection.
func (p *Proxy) copyBytes(to, from net.Conn, quiet *sync.Mutex, fromClient bool) {
	defer to.Close()
	buf := make([]byte, 1<<16)
	muted := false
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		mute, delay := p.mute, p.delay
		p.mu.Unlock()
		if delay > 0 {
			time.Sleep(delay)
		}
		if fromClient {
			if !muted && mute != "" && bytes.Contains(buf[:n], []byte(mute)) {
				quiet.Lock() // waits for bytes before the reply that are being copied
				muted = true
				p.muted <- struct{}{}
			}
		} else {
			quiet.Lock()
		}
		_, err = io.Copy(to, bytes.NewReader(buf[:n]))
		if !fromClient {
			quiet.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// Mute makes the proxy stop copying to a client once the client sends a text. The channel
// receives once for each such client.
func (p *Proxy) Mute(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = text
	return p.muted
}

// CloseConns closes the open connections, and undoes Mute.
func (p *Proxy) CloseConns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = ""
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}

// RefuseConns makes the proxy close new connections, or with false accept them again.
func (p *Proxy) RefuseConns(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = refuse
}

// DelayBytes makes the proxy hold back for d all bytes that it copies, in both directions.
func (p *Proxy) DelayBytes(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}
