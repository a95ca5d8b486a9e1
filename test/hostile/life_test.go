package hostile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPipelinedConnect sends the connect packet in the segment of the handshake. Each client
// gets its open packet and its connect packet.
func TestPipelinedConnect(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 300<<20)
	connect := maskFrame(fin|opText, []byte("40"))
	repeatParallel(t, 2_000, func(context.Context) error {
		w, err := sharedProcess.dialWebSocket("/socket.io/?EIO=4&transport=websocket", "", connect)
		if err != nil {
			return err
		}
		defer w.Close()
		if open := w.readNext(); !strings.HasPrefix(open, `0{"sid":"`) {
			return fmt.Errorf("got %q, want an open packet", open)
		}
		if connected := w.readNext(); !strings.HasPrefix(connected, `40{"sid":"`) {
			return fmt.Errorf("got %q, want a connect packet", connected)
		}
		return nil
	})
}

// TestRevisionConfusion uses a session with the other revision of the protocol.
func TestRevisionConfusion(t *testing.T) {
	sharedProcess.startObserver(t)
	for own, other := range map[string]string{"4": "3", "3": "4"} {
		c := sharedProcess.openPoller(t, "/socket.io/", "EIO="+own)
		confused := strings.Replace(c.target, "EIO="+own, "EIO="+other, 1)
		if a := sharedProcess.mustSendRequest(t, "GET", confused, ""); a.status != 400 {
			t.Errorf("GET: %d %s", a.status, a.body)
		}
		if a := sharedProcess.mustSendRequest(t, "POST", confused, "6"); a.status != 400 {
			t.Errorf("POST: %d %s", a.status, a.body)
		}
		if a := sharedProcess.tryUpgrade(t, strings.Replace(confused, "polling", "websocket", 1), ""); a.status != 400 {
			t.Errorf("upgrade: %d %s", a.status, a.body)
		}
		if a := sharedProcess.mustSendRequest(t, "POST", c.target, map[string]string{"4": "6", "3": "1:6"}[own]); a.status != 200 {
			t.Errorf("the session is closed: %d %s", a.status, a.body)
		}
	}
}

// TestBadProbes sends invalid probes. The session continues with polling.
func TestBadProbes(t *testing.T) {
	sharedProcess.startObserver(t)
	c := sharedProcess.pollingMember(t, "/socket.io/")
	target := strings.Replace(c.target, "polling", "websocket", 1)
	for name, sent := range map[string]string{
		"a message": `42["x"]`, "a ping": "2", "a close": "1", "nonsense": "x", "nothing": "", "a pong": "3", "an open": "0",
	} {
		t.Run(name, func(t *testing.T) {
			w, err := sharedProcess.dialWebSocket(target, "", maskFrame(fin|opText, []byte(sent)))
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			w.t = t
			w.wantClosed(noStatus)
		})
	}
	c.wantAlive()

	// An upgraded session refuses polls and further upgrades.
	w, err := sharedProcess.dialWebSocket(target, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.t = t
	w.writeTexts("2probe")
	w.wantMessages("3probe")
	w.writeTexts("5")
	w.wantAlive()
	for range 3 {
		second, err := sharedProcess.dialWebSocket(target, "", maskFrame(fin|opText, []byte("2probe")))
		if err != nil {
			t.Fatal(err)
		}
		second.t = t
		second.wantClosed(noStatus)
		second.Close()
	}
	if a := c.getPayload(); a.status != 400 {
		t.Errorf("poll: %d %s", a.status, a.body)
	}
	if a := c.postPayload("6"); a.status != 400 {
		t.Errorf("POST: %d %s", a.status, a.body)
	}
	w.wantAlive()
	w.writeRaw(buildCloseFrame(goingWell, ""))
	w.wantClosed(goingWell)
	checkSessionIsGone(t, c) // its sid is unknown then
}

// TestResets resets the connection at each point of a valid and of an invalid upgrade.
func TestResets(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	goroutines := sharedProcess.readMetric(t, "go_goroutines", "")
	connections := sharedProcess.readMetric(t, "caddy_socketio_connections", "")
	good := upgradeRequest("/socket.io/?EIO=4&transport=websocket", "")
	bad := upgradeRequest("/socket.io/?EIO=4&transport=__proto__", "")
	var mu sync.Mutex
	i := 0
	repeatParallel(t, 2_000, func(context.Context) error {
		mu.Lock()
		n := i
		i++
		mu.Unlock()
		c, err := net.Dial("tcp", sharedProcess.address)
		if err != nil {
			return err
		}
		defer c.Close()
		request := []string{good, bad, good[:n%len(good)], good + "\x81\x82\x00\x00\x00\x0040"}[n%4]
		_, _ = io.WriteString(c, request)
		if n%8 >= 4 { // half of the clients read first
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = c.Read(make([]byte, 10))
		}
		return c.(*net.TCPConn).SetLinger(0)
	})
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_connections", "", connections)
	sharedProcess.awaitMetricAtMost(t, "go_goroutines", "", goroutines+20)
}

// TestReloads loads 20 valid and invalid configs while members are connected by polling and
// by WebSocket. All stay connected.
func TestReloads(t *testing.T) {
	p := launchProcess(t, site)
	p.startObserver(t)
	var members []*wireConn
	for range 20 {
		members = append(members, p.openMember(t, "/socket.io/"))
	}
	pollers := make([]*pollingClient, 5)
	for i := range pollers {
		pollers[i] = p.pollingMember(t, "/socket.io/")
	}
	for i := range 20 {
		if i%4 == 3 {
			if status := p.loadConfig(t, p.buildConfig(site+"nonsense\n")); status != 400 {
				t.Errorf("an invalid config is loaded: %d", status)
			}
			continue
		}
		changed := site + fmt.Sprintf("header X-Config %d\n", i)
		if i%2 == 1 {
			changed = strings.Replace(changed, "rate_limit 100 200", fmt.Sprintf("rate_limit %d 200", 100+i), 1)
		}
		if status := p.loadConfig(t, p.buildConfig(changed)); status != 200 {
			t.Fatalf("load: %d", status)
		}
		for _, c := range pollers {
			c.wantSurvived()
		}
		members[i].wantAlive()
	}
	for _, w := range members {
		w.wantAlive()
	}
}

// wantSurvived checks that the session still responds. Caddy resets connections that open at
// the moment of a reload, so a failed request is repeated.
func (c *pollingClient) wantSurvived() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), maxWait)
	defer cancel()
	again := func(method, body string) (a response) {
		for err := io.EOF; err != nil && ctx.Err() == nil; {
			a, err = c.p.sendRequest(ctx, method, c.target, strings.NewReader(body))
		}
		if a.status != 200 {
			c.t.Fatalf("%s: %d %s", method, a.status, a.body)
		}
		return a
	}
	again("POST", `42987["echo","alive"]`)
	for !strings.Contains(again("GET", "").body, `43987["alive"]`) {
	}
}

// TestEnd stops a process with 2,000 sockets and 200 waiting polls. Half of the sockets read
// nothing.
func TestEnd(t *testing.T) {
	p := launchProcess(t, routeBlock("/socket.io/", ""))
	var mu sync.Mutex // guards wires
	var wires []*wireConn
	connect := maskFrame(fin|opText, []byte("40/other,"))
	repeatParallel(t, 2_000, func(context.Context) error {
		w, err := p.dialWebSocket("/socket.io/?EIO=4&transport=websocket", "", connect)
		if err != nil {
			return err
		}
		mu.Lock()
		wires = append(wires, w)
		mu.Unlock()
		if open := w.readNext(); !strings.HasPrefix(open, `0{"sid":"`) {
			return fmt.Errorf("got %q, want an open packet", open)
		}
		return nil
	})
	defer func() {
		for _, w := range wires {
			w.Close()
		}
	}()
	answers := p.parkPolls(t, 200)
	ends := make(chan int, len(wires))
	for _, w := range wires[:len(wires)/2] {
		go func() {
			w.t = t
			ends <- w.awaitClose()
		}()
	}
	if err := p.stopProcess(); err != nil {
		t.Error(err)
	}
	for range wires[:len(wires)/2] {
		if status := <-ends; status != noStatus {
			t.Fatalf("a socket was closed with %d", status)
		}
	}
	for range 200 {
		if a := <-answers; a.status != 200 {
			t.Fatalf("a poll got %d %s", a.status, a.body)
		}
	}
}

// parkPolls opens polling sessions and waits until each has a waiting poll.
func (p *process) parkPolls(t *testing.T, count int) <-chan response {
	t.Helper()
	answers := make(chan response, count)
	for range count {
		c := p.openPoller(t, "/socket.io/", "EIO=4")
		go func() {
			a, _ := p.sendRequest(context.WithoutCancel(t.Context()), "GET", c.target, nil)
			answers <- a
		}()
	}
	p.awaitMetric(t, "caddy_http_requests_in_flight", "", func(n float64) bool { return n >= float64(count) })
	return answers
}

// TestLogIsValid reads the log of the attacks before. Each line is JSON, and none is an error.
func TestLogIsValid(t *testing.T) {
	for line := range strings.Lines(sharedProcess.log.lastLines("", 1<<30)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		var entry struct{ Level string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("no JSON: %.300q", line)
		} else if entry.Level == "error" {
			t.Errorf("logged: %.300s", line)
		}
	}
}
