package hostile_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// abort opens a connection with a revision of the protocol, and breaks it off at some point.
type abort func(ctx context.Context, eio string) error

// aborts are the points at which a client can vanish without a close. Their route has short
// timeouts, which close the sessions whose end the server can't see.
var aborts = map[string]abort{
	"a handshake of polling": func(ctx context.Context, eio string) error {
		_, err := openPollingSession(ctx, eio)
		return err
	},
	"a poll that waits": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		return sendAndClose("GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n", false)
	},
	"a poll, with a RST": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		return sendAndClose("GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n", true)
	},
	"half an upload": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		return sendAndClose("POST "+target+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4", true)
	},
	"an unread response": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		connect := map[string]string{"3": "9:40/other,", "4": "40/other,"}[eio]
		return sendAndClose(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", target, len(connect), connect), true)
	},
	"a handshake of a WebSocket": func(_ context.Context, eio string) error {
		return sendAndClose(upgradeRequest("/brief/?transport=websocket&EIO="+eio, ""), true)
	},
	"an open WebSocket": func(_ context.Context, eio string) error {
		return resetConnection("/brief/?transport=websocket&EIO="+eio, nil, `0{"sid":"`)
	},
	"a connected WebSocket": func(_ context.Context, eio string) error {
		return resetConnection("/brief/?transport=websocket&EIO="+eio, maskFrame(fin|opText, []byte("40/other,")), `0{"sid":"`, "40")
	},
	"half a message": func(_ context.Context, eio string) error {
		return resetConnection("/brief/?transport=websocket&EIO="+eio, maskFrame(opText, []byte(`42["echo`)), `0{"sid":"`)
	},
	"half a frame": func(_ context.Context, eio string) error {
		return resetConnection("/brief/?transport=websocket&EIO="+eio, buildFrameHead(fin|opText, 0x80, 100_000), `0{"sid":"`)
	},
	"a close frame without waiting": func(_ context.Context, eio string) error {
		return resetConnection("/brief/?transport=websocket&EIO="+eio, buildCloseFrame(goingWell, ""), `0{"sid":"`)
	},
	"a probe without a message": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		return resetConnection(strings.Replace(target, "polling", "websocket", 1), nil)
	},
	"a probe": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		return resetConnection(strings.Replace(target, "polling", "websocket", 1), maskFrame(fin|opText, []byte("2probe")), "3probe")
	},
	"an upgrade": func(ctx context.Context, eio string) error {
		target, err := openPollingSession(ctx, eio)
		if err != nil {
			return err
		}
		upgrade := append(maskFrame(fin|opText, []byte("2probe")), maskFrame(fin|opText, []byte("5"))...)
		return resetConnection(strings.Replace(target, "polling", "websocket", 1), upgrade, "3probe")
	},
}

// openPollingSession opens a polling session and returns the target of its requests.
func openPollingSession(ctx context.Context, eio string) (target string, err error) {
	target = "/brief/?transport=polling&EIO=" + eio
	a, err := sharedProcess.sendRequest(ctx, "GET", target, nil)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("handshake: %d %s", a.status, a.body)
	}
	_, sid, _ := strings.Cut(a.body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	return target + "&sid=" + sid, err
}

// sendAndClose makes a request on a connection of its own and does not wait for the response.
func sendAndClose(request string, rst bool) error {
	c, err := net.Dial("tcp", sharedProcess.address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, _ = io.WriteString(c, request) // an error means that the server has closed first
	if rst {
		return c.(*net.TCPConn).SetLinger(0)
	}
	return nil
}

// resetConnection opens a WebSocket, sends bytes, and reads one message for each prefix in
// taken. Then it resets the connection.
func resetConnection(target string, sent []byte, taken ...string) error {
	w, err := sharedProcess.dialWebSocket(target, "", sent)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, prefix := range taken {
		if got := w.readNext(); !strings.HasPrefix(got, prefix) {
			return fmt.Errorf("%s: got %.100q, want %q", target, got, prefix)
		}
	}
	return w.Conn.(*net.TCPConn).SetLinger(0)
}

// TestLeaks makes 500 clients vanish at each point, and checks that the server frees their
// memory, goroutines, rooms and files. One kind is checked alone by its name in -run.
func TestLeaks(t *testing.T) {
	sharedProcess.startObserver(t)
	heap := sharedProcess.readMetric(t, "go_memstats_heap_inuse_bytes", "")
	goroutines := sharedProcess.readMetric(t, "go_goroutines", "")
	connections := sharedProcess.readMetric(t, "caddy_socketio_connections", "")
	rooms := sharedProcess.readMetric(t, "caddy_socketio_rooms", "")
	files := sharedProcess.countFiles(t)
	for name, leave := range aborts {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					sharedProcess.logRefusals(t)
				}
			})
			var n atomic.Int64
			repeatParallel(t, 500, func(ctx context.Context) error {
				return leave(ctx, []string{"3", "4"}[n.Add(1)%2])
			})
		})
	}
	client.CloseIdleConnections()
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_connections", "", connections)
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_rooms", "", rooms)
	sharedProcess.awaitMetricAtMost(t, "go_goroutines", "", goroutines+20)
	// Only the heap is checked: the race detector keeps memory of goroutines that ended.
	if now := sharedProcess.readMetric(t, "go_memstats_heap_inuse_bytes", ""); now > heap+100<<20 {
		t.Errorf("the heap has grown to %.0f MB from %.0f", now/1e6, heap/1e6)
	}
	if now := sharedProcess.countFiles(t); now > files+20 {
		t.Errorf("%d files are open, %d were", now, files)
	}
}

// logRefusals logs why handshakes were refused with status 503 since the start.
func (p *process) logRefusals(t *testing.T) {
	for _, reason := range []string{"descriptors", "memory", "draining", "connections", "unjoined", "closed"} {
		if n := p.readMetric(t, "caddy_socketio_handshakes_refused_total", `"`+reason+`"`); n > 0 {
			t.Logf("%.0f handshakes were refused: %s", n, reason)
		}
	}
}

// countFiles returns the number of files that the process has open.
func (p *process) countFiles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if os.IsNotExist(err) {
		t.Skip("open files are read from /proc")
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
