package faults_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// idleFlood is a flood of connections that send nothing.
type idleFlood struct {
	address string
	conns   []net.Conn
}

// openConnections opens more connections. The kernel completes them, whether the server
// accepts them or not.
func (f *idleFlood) openConnections(t *testing.T, count int) {
	t.Helper()
	for range count {
		conn, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		f.conns = append(f.conns, conn)
	}
}

func (f *idleFlood) closeConnections() {
	for _, conn := range f.conns {
		conn.Close()
	}
	f.conns = nil
}

// tryHandshake makes a polling handshake on a new connection.
func (p *process) tryHandshake() (*http.Response, string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + p.address + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// TestDescriptorsExhausted opens connections until no descriptors are left for clients. New
// sessions are refused first, then no connection is accepted. Clients stay connected, and the
// admin API and reloads work.
func TestDescriptorsExhausted(t *testing.T) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip(err)
	}
	p := startCaddy(t, setup{
		site: lobby, wrap: []string{"prlimit", "--nofile=400", "--"},
		global: "servers {\n listener_wrappers {\n socketio_reserve\n }\n}",
	})
	var all []*client
	for _, kind := range clientKinds {
		all = append(all, p.connectClient(t, kind))
	}
	flood := &idleFlood{address: p.address}
	t.Cleanup(flood.closeConnections)
	p.floodUntilRefused(t, flood)
	for n, c := range all {
		c.mustEmit(t, fmt.Sprintf("[%d]", n), "say", n)
	}
	for p.log.countLines("accepting connections pauses") == 0 && len(flood.conns) < 600 {
		flood.openConnections(t, 5)
		time.Sleep(5 * time.Millisecond)
	}
	if _, _, err := p.tryHandshake(); err == nil {
		t.Error("a connection is accepted although descriptors are exhausted")
	}
	for n := 4; n < 8; n++ {
		p.emitFromAPI(t, fmt.Sprintf(`{"event":"said","args":[%d],"to":["lobby"]}`, n))
	}
	wantEvents(t, numberedEvents("said", 0, 7), all...)
	wantLife(t, []string{"connect"}, all...)

	// A reload closes connections of polling clients: they can open no others now.
	webSockets := all[:2]
	for n := 8; n < 11; n++ {
		p.more = fmt.Sprintf("http://%s {\n\trespond \"site %d\"\n}", freeport.Address(), n)
		p.reloadSite(t, lobby)
		p.emitFromAPI(t, fmt.Sprintf(`{"event":"said","args":[%d],"to":["lobby"]}`, n))
	}
	if n := p.readMetric(t, "caddy_socketio_accept_pauses_total", ""); n == 0 {
		t.Error("no pause is counted")
	}
	flood.closeConnections()
	late := p.connectClient(t, clientOptions{reconnect: true})
	late.mustEmit(t, "[11]", "say", 11)
	wantEvents(t, numberedEvents("said", 0, 11), webSockets...)
	wantEvents(t, numberedEvents("said", 11, 11), late)
	wantLife(t, []string{"connect"}, webSockets...)
	if n := p.log.countLines("new connections are refused"); n != 1 {
		t.Errorf("refusals are logged %d times", n)
	}
}

// floodUntilRefused opens idle connections until a handshake is refused.
func (p *process) floodUntilRefused(t *testing.T, flood *idleFlood) {
	t.Helper()
	for len(flood.conns) < 400 {
		resp, body, err := p.tryHandshake()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable {
			if body != `{"code":4,"message":"Service unavailable"}` || resp.Header.Get("Retry-After") == "" || !resp.Close {
				t.Errorf("refused with %s, %v", body, resp.Header)
			}
			if n := p.readMetric(t, "caddy_socketio_handshakes_refused_total", `reason="descriptors"`); n != 1 {
				t.Errorf("%v refusals are counted", n)
			}
			return
		}
		flood.openConnections(t, 10)
	}
	t.Fatal("no handshake is refused")
}
