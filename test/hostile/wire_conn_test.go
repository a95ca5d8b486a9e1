package hostile_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Opcodes and bits of the first byte of a frame.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa

	fin  = 0x80
	rsv1 = 0x40
)

// wireConn is a WebSocket without a library, so that tests can break the protocol.
type wireConn struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// upgradeRequest returns the handshake of a WebSocket. The target begins with the path.
func upgradeRequest(target, header string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + sharedProcess.address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + header + "\r\n"
}

// dialWebSocket opens a WebSocket with additional header lines. It sends the frames in early
// together with the handshake.
func (p *process) dialWebSocket(target, header string, early []byte) (*wireConn, error) {
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(maxWait))
	if _, err = c.Write(append([]byte(upgradeRequest(target, header)), early...)); err != nil {
		c.Close()
		return nil, err
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("handshake answered with %s", resp.Status)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &wireConn{Conn: c, r: r}, nil
}

// openWebSocket opens a WebSocket and closes it when the test ends.
func (p *process) openWebSocket(t testing.TB, target string) *wireConn {
	t.Helper()
	w, err := p.dialWebSocket(target, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.t = t
	t.Cleanup(func() { w.Close() })
	return w
}

// openSession opens a WebSocket on a route and reads its open packet.
func (p *process) openSession(t testing.TB, path string) *wireConn {
	t.Helper()
	w := p.openWebSocket(t, path+"?EIO=4&transport=websocket")
	w.wantLike(`0{"sid":"`)
	return w
}

// openMember opens a WebSocket and connects it to "/".
func (p *process) openMember(t testing.TB, path string) *wireConn {
	t.Helper()
	w := p.openSession(t, path)
	w.writeTexts("40")
	w.wantLike(`40{"sid":"`)
	return w
}

// maskFrame returns a masked frame. head has FIN, the reserved bits and the opcode.
func maskFrame(head byte, payload []byte) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// writeRaw sends bytes. It ignores errors: the next read reports a closed connection.
func (w *wireConn) writeRaw(b []byte) {
	_ = w.SetWriteDeadline(time.Now().Add(maxWait))
	_, _ = w.Write(b)
}

// writeTexts sends whole text messages, in one write.
func (w *wireConn) writeTexts(messages ...string) {
	var b []byte
	for _, m := range messages {
		b = append(b, maskFrame(fin|opText, []byte(m))...)
	}
	w.writeRaw(b)
}

// errClosed is the error of a close frame, with its status.
type errClosed struct{ status int }

func (e errClosed) Error() string { return fmt.Sprintf("closed with %d", e.status) }

const noStatus = 1005 // the status of a close frame without one

// readFrame reads one frame of the server, which sends each message in one frame. It does not
// reply to pings.
func (w *wireConn) readFrame() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(w.r, long[6:])
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(w.r, long[:])
		n = binary.BigEndian.Uint64(long[:])
	}
	if err != nil || n > 64<<20 {
		return 0, nil, errors.Join(err, fmt.Errorf("frame of %d bytes", n))
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(w.r, payload); err != nil {
		return 0, nil, err
	}
	if op = head[0] & 0xf; op == opClose {
		status := noStatus
		if len(payload) >= 2 {
			status = int(binary.BigEndian.Uint16(payload))
		}
		return op, payload, errClosed{status}
	}
	return op, payload, nil
}

// resetDeadline sets the read deadline to maxWait from now.
func (w *wireConn) resetDeadline() { _ = w.SetReadDeadline(time.Now().Add(maxWait)) }

// readMessage returns the next message and replies to pings.
func (w *wireConn) readMessage() (string, error) {
	for {
		op, payload, err := w.readFrame()
		switch {
		case err != nil:
			return "", err
		case op == opText && string(payload) == "2":
			w.writeTexts("3")
		case op == opText, op == opBinary:
			return string(payload), nil
		}
	}
}

// readNext returns the next message other than a tick of the observer, or the text of the error.
func (w *wireConn) readNext() string {
	w.resetDeadline()
	for {
		m, err := w.readMessage()
		if err != nil {
			return err.Error()
		}
		if !strings.HasPrefix(m, `42["tick",`) {
			return m
		}
	}
}

func (w *wireConn) wantMessages(messages ...string) {
	w.t.Helper()
	for _, m := range messages {
		if got := w.readNext(); got != m {
			w.t.Fatalf("got %.200q, want %.200q", got, m)
		}
	}
}

func (w *wireConn) wantLike(prefix string) {
	w.t.Helper()
	if got := w.readNext(); !strings.HasPrefix(got, prefix) {
		w.t.Fatalf("got %.200q, want %q…", got, prefix)
	}
}

// wantAlive checks that the server still acknowledges events.
func (w *wireConn) wantAlive() {
	w.t.Helper()
	w.writeTexts(`42987["echo","alive"]`)
	w.wantMessages(`43987["alive"]`)
}

// awaitClose waits until the connection closes. It returns the status of the close frame, or 0
// if there is none.
func (w *wireConn) awaitClose() int {
	w.t.Helper()
	w.resetDeadline()
	for {
		_, err := w.readMessage()
		if e, ok := errors.AsType[errClosed](err); ok {
			return e.status
		}
		if err, ok := err.(net.Error); ok && err.Timeout() {
			w.t.Fatal("the connection is still open")
		}
		if err != nil {
			return 0
		}
	}
}

// wantClosed checks that the connection closes with one of the statuses. 0 stands for a close
// without a close frame.
func (w *wireConn) wantClosed(statuses ...int) {
	w.t.Helper()
	got := w.awaitClose()
	if slices.Contains(statuses, got) {
		return
	}
	w.t.Errorf("closed with %d, want %v", got, statuses)
}
