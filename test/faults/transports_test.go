package faults_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// transport carries the packets of one Engine.IO session.
type transport interface {
	// readPackets returns the next packets. One goroutine calls it.
	readPackets() ([]string, error)
	// sendPacket sends a packet. Any goroutine may call it.
	sendPacket(packet string) error
	// closeTransport breaks the connection without a close packet.
	closeTransport()
}

// openTransport opens a transport of the given name. The first packet to read is the open
// packet.
func openTransport(ctx context.Context, name, address, path string, revision int) (transport, error) {
	query := fmt.Sprintf("%s%s?EIO=%d&transport=%s", address, path, revision, name)
	if name == "polling" {
		p := &pollingTransport{target: "http://" + query, revision: revision}
		p.ctx, p.cancel = context.WithCancel(ctx)
		return p, nil
	}
	dialer := websocket.Dialer{HandshakeTimeout: maxWait}
	conn, resp, err := dialer.DialContext(ctx, "ws://"+query, nil)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	return &webSocketTransport{conn: conn}, nil
}

// webSocketTransport is a WebSocket from the first packet on.
type webSocketTransport struct {
	conn *websocket.Conn
	mu   sync.Mutex // guards writes to conn
}

func (w *webSocketTransport) readPackets() ([]string, error) {
	kind, message, err := w.conn.ReadMessage()
	if err != nil || kind == websocket.BinaryMessage {
		return nil, err // attachments are not recorded
	}
	return []string{string(message)}, nil
}

func (w *webSocketTransport) sendPacket(packet string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(maxWait))
	return w.conn.WriteMessage(websocket.TextMessage, []byte(packet))
}

func (w *webSocketTransport) closeTransport() { w.conn.Close() }

// pollingTransport polls. It sends one packet a POST.
type pollingTransport struct {
	target   string // its URL, with the sid after the first poll
	revision int
	ctx      context.Context
	cancel   context.CancelFunc
	mu       sync.Mutex // guards target, and the order of POSTs
}

// pollClient makes the requests of all polling transports.
var pollClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}

func (p *pollingTransport) readPackets() ([]string, error) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	body, err := p.request("GET", target, "")
	if err != nil {
		return nil, err
	}
	packets := splitPayload(body, p.revision)
	if len(packets) > 0 && strings.HasPrefix(packets[0], "0{") && !strings.Contains(target, "&sid=") {
		p.mu.Lock()
		p.target += "&sid=" + parseOpenPacket(packets[0]).SID
		p.mu.Unlock()
	}
	return packets, nil
}

func (p *pollingTransport) sendPacket(packet string) error {
	if p.revision == 3 {
		packet = strconv.Itoa(len([]rune(packet))) + ":" + packet
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.request("POST", p.target, packet)
	return err
}

func (p *pollingTransport) closeTransport() { p.cancel() }

// request makes a request and returns the body of its response.
func (p *pollingTransport) request(method, target, body string) (string, error) {
	r, err := http.NewRequestWithContext(p.ctx, method, target, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	resp, err := pollClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", method, resp.Status, text)
	}
	return string(text), err
}

// splitPayload returns the text packets of the body of a poll. It leaves binary packets out.
func splitPayload(body string, revision int) (packets []string) {
	if revision == 4 {
		for packet := range strings.SplitSeq(body, "\x1e") {
			if !strings.HasPrefix(packet, "b") {
				packets = append(packets, packet)
			}
		}
		return packets
	}
	for rest := []rune(body); len(rest) > 0; {
		length, _, _ := strings.Cut(string(rest[:min(len(rest), 12)]), ":")
		n, err := strconv.Atoi(length)
		if start := len(length) + 1; err == nil && start+n <= len(rest) {
			if packet := string(rest[start : start+n]); !strings.HasPrefix(packet, "b") {
				packets = append(packets, packet)
			}
			rest = rest[start+n:]
			continue
		}
		return append(packets, "malformed payload: "+string(rest))
	}
	return packets
}
