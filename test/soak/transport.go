package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxWait is the longest wait for a reply of the server.
const maxWait = 40 * time.Second

// packet is a packet of Engine.IO: text that begins with its type, or an attachment.
type packet struct {
	text   string
	binary []byte // nil for text
}

// transport carries packets between a client and the server. One goroutine reads, any may write.
type transport interface {
	writePackets(packets ...packet) error
	readPackets() ([]packet, error)
	// closeTransport closes the transport. abruptly resets the TCP connection, or leaves a
	// polling session without a word.
	closeTransport(abruptly bool)
}

// webSocket is the transport of one WebSocket.
type webSocket struct {
	protocol int
	conn     *websocket.Conn
	mu       sync.Mutex // one writer at a time
}

// dialWebSocket opens a WebSocket. sid is the session to upgrade, or empty.
func dialWebSocket(ctx context.Context, address string, protocol int, sid string) (*webSocket, error) {
	target := fmt.Sprintf("ws://%s/socket.io/?EIO=%d&transport=websocket", address, protocol)
	if sid != "" {
		target += "&sid=" + sid
	}
	dialer := websocket.Dialer{HandshakeTimeout: maxWait, ReadBufferSize: 1024, WriteBufferSize: 1024}
	conn, resp, err := dialer.DialContext(ctx, target, nil)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	return &webSocket{protocol: protocol, conn: conn}, nil
}

func (w *webSocket) writePackets(packets ...packet) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(maxWait))
	for _, p := range packets {
		kind, payload := websocket.TextMessage, []byte(p.text)
		if p.binary != nil {
			kind, payload = websocket.BinaryMessage, p.binary
			if w.protocol == 3 {
				payload = append([]byte{4}, payload...)
			}
		}
		if err := w.conn.WriteMessage(kind, payload); err != nil {
			return err
		}
	}
	return nil
}

func (w *webSocket) readPackets() ([]packet, error) {
	_ = w.conn.SetReadDeadline(time.Now().Add(maxWait))
	kind, payload, err := w.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	if kind == websocket.TextMessage {
		return []packet{{text: string(payload)}}, nil
	}
	if w.protocol == 3 && len(payload) > 0 {
		payload = payload[1:]
	}
	return []packet{{binary: payload}}, nil
}

func (w *webSocket) closeTransport(abruptly bool) {
	if tcp, ok := w.conn.NetConn().(*net.TCPConn); ok && abruptly {
		_ = tcp.SetLinger(0)
	} else {
		_ = w.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	}
	w.conn.Close()
}

// httpClient makes the requests of all polling clients. A connection serves one request: a
// reload closes idle ones, and a POST on such a connection can't be repeated.
var httpClient = &http.Client{Timeout: maxWait, Transport: &http.Transport{DisableKeepAlives: true}}

// polling is the transport of a session that polls.
type polling struct {
	protocol int
	target   string // URL with the sid
	ctx      context.Context
	cancel   context.CancelFunc
	mu       sync.Mutex // one POST at a time, as in browsers
}

// newPolling returns a transport without a session.
func newPolling(ctx context.Context, address string, protocol int) *polling {
	p := &polling{protocol: protocol}
	p.target = fmt.Sprintf("http://%s/socket.io/?EIO=%d&transport=polling", address, protocol)
	if protocol == 3 {
		p.target += "&b64=1"
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// sendRequest makes a request and returns the body of a response with status 200.
func (p *polling) sendRequest(method string, body io.Reader) (string, error) {
	r, err := http.NewRequestWithContext(p.ctx, method, p.target, body)
	if err != nil {
		return "", err
	}
	if body != nil {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	resp, err := httpClient.Do(r)
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

func (p *polling) writePackets(packets ...packet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.sendRequest(http.MethodPost, strings.NewReader(encodePayload(p.protocol, packets)))
	return err
}

func (p *polling) readPackets() ([]packet, error) {
	text, err := p.sendRequest(http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	return decodePayload(p.protocol, text)
}

func (p *polling) closeTransport(abruptly bool) {
	if !abruptly {
		_ = p.writePackets(packet{text: "1"})
	}
	p.cancel()
}

// encodePayload joins packets into the body of a POST.
func encodePayload(protocol int, packets []packet) string {
	var b strings.Builder
	for i, p := range packets {
		text := p.text
		if p.binary != nil {
			text = "b" + base64.StdEncoding.EncodeToString(p.binary)
			if protocol == 3 {
				text = "b4" + text[1:]
			}
		}
		if protocol == 3 {
			b.WriteString(strconv.Itoa(countUnits(text)) + ":")
		} else if i > 0 {
			b.WriteByte('\x1e')
		}
		b.WriteString(text)
	}
	return b.String()
}

// decodePayload splits the body of a poll into packets.
func decodePayload(protocol int, text string) (packets []packet, err error) {
	if protocol != 3 {
		for one := range strings.SplitSeq(text, "\x1e") {
			packets, err = appendPacket(packets, one, "b")
			if err != nil {
				return nil, err
			}
		}
		return packets, nil
	}
	for text != "" {
		head, rest, _ := strings.Cut(text, ":")
		units, err := strconv.Atoi(head)
		if err != nil {
			return nil, fmt.Errorf("length %q of a packet", head)
		}
		end := findUnit(rest, units)
		if packets, err = appendPacket(packets, rest[:end], "b4"); err != nil {
			return nil, err
		}
		text = rest[end:]
	}
	return packets, nil
}

// appendPacket appends a packet whose attachments begin with mark.
func appendPacket(packets []packet, text, mark string) ([]packet, error) {
	encoded, isBinary := strings.CutPrefix(text, mark)
	if !isBinary {
		return append(packets, packet{text: text}), nil
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if b == nil {
		b = []byte{}
	}
	return append(packets, packet{binary: b}), err
}

// countUnits returns the length of text as JavaScript counts it.
func countUnits(text string) (units int) {
	for _, r := range text {
		units++
		if r > 0xffff {
			units++
		}
	}
	return units
}

// findUnit returns the index of the byte behind the given number of UTF-16 units.
func findUnit(text string, units int) int {
	for i, r := range text {
		if units <= 0 {
			return i
		}
		units--
		if r > 0xffff {
			units--
		}
	}
	return len(text)
}

// handshake is the part of an open packet that clients use.
type handshake struct {
	SID          string
	PingInterval int
}

// parseOpen returns the handshake in an open packet.
func parseOpen(packets []packet) (h handshake, err error) {
	if len(packets) == 0 || !strings.HasPrefix(packets[0].text, "0{") {
		return h, fmt.Errorf("open packet expected, got %v", packets)
	}
	err = json.NewDecoder(bytes.NewReader([]byte(packets[0].text[1:]))).Decode(&h)
	return h, err
}

// openTransport opens a session. rest holds the packets that came with the open packet.
func openTransport(ctx context.Context, address string, k kind) (t transport, h handshake, rest []packet, err error) {
	var poll *polling
	if k.transport == "websocket" {
		w, err := dialWebSocket(ctx, address, k.protocol, "")
		if err != nil {
			return nil, h, nil, err
		}
		t = w
	} else {
		poll = newPolling(ctx, address, k.protocol)
		t = poll
	}
	packets, err := t.readPackets()
	if err == nil {
		h, err = parseOpen(packets)
	}
	if err != nil {
		t.closeTransport(true)
		return nil, h, nil, err
	}
	rest = packets[1:]
	if poll != nil {
		poll.target += "&sid=" + h.SID
	}
	if k.transport == "upgrade" {
		w, more, err := upgradeTransport(ctx, address, poll, h.SID)
		if err != nil {
			t.closeTransport(true)
			return nil, h, nil, err
		}
		return w, h, append(rest, more...), nil
	}
	return t, h, rest, nil
}

// upgradeTransport replaces polling by a WebSocket. It returns the packets that the last polls
// have read.
func upgradeTransport(ctx context.Context, address string, poll *polling, sid string) (*webSocket, []packet, error) {
	w, err := dialWebSocket(ctx, address, poll.protocol, sid)
	if err != nil {
		return nil, nil, err
	}
	type result struct {
		packets []packet
		err     error
	}
	polled := make(chan result, 1)
	go func() {
		packets, err := poll.readPackets()
		polled <- result{packets, err}
	}()
	err = w.writePackets(packet{text: "2probe"})
	var reply []packet
	if err == nil {
		reply, err = w.readPackets()
	}
	if err == nil && reply[0].text != "3probe" {
		err = fmt.Errorf("probe answered with %v", reply)
	}
	if err == nil {
		last := <-polled // a noop of the server ends the poll
		if err = last.err; err == nil {
			if err = w.writePackets(packet{text: "5"}); err == nil {
				return w, last.packets, nil
			}
		}
	}
	w.closeTransport(true)
	return nil, nil, fmt.Errorf("upgrade: %w", err)
}
