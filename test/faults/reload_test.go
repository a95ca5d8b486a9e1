package faults_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// stormSite returns the site of a reload storm, whose rule "version" acknowledges n.
func stormSite(n int) string {
	return fmt.Sprintf(`socketio {
	recovery 1m
	rate_limit %d %d
	namespace / {
		on connect {
			join lobby
		}
		on say {
			in lobby emit said {event.args.0}
			ack {event.args.0}
		}
		on version {
			ack %d
		}
	}
}`, 10_000+n, 20_000+n, n)
}

// failingSites returns sites that fail at each stage of a reload: the Caddyfile, provisioning,
// and the start, when the new rules are already in use.
func failingSites(taken string) []string {
	elsewhere := "\n}\nhttp://" + taken + " {\n\trespond hello"
	return []string{
		stormSite(-1) + elsewhere,
		"socketio {\n\tno_such_option\n}",
		strings.Replace(stormSite(-1), "join lobby", "no_such_handler", 1),
		stormSite(-1) + "\nhandle /other/* {\n" + stormSite(-2) + "\n}",
		strings.Replace(stormSite(-1), "namespace / {", "namespace /else {", 1) + elsewhere,
		"respond hello" + elsewhere, // without the route
		strings.Replace(stormSite(-1), "recovery 1m", "max_payload 100B\nmax_queue 1KiB", 1) + elsewhere,
	}
}

// TestReloadStorm reloads without a pause while clients emit, poll and connect. Every second
// reload fails. WebSockets stay connected, every client gets every event once, and no rule of a
// config that failed ever runs.
func TestReloadStorm(t *testing.T) {
	p := startCaddy(t, setup{site: stormSite(0)})
	var members []*client
	for _, kind := range clientKinds {
		kind.reconnect = kind.transport == "polling" // a reload may cut a poll off
		members = append(members, p.connectClient(t, kind))
	}
	sender := p.connectClient(t, clientOptions{name: "sender"})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	storm, end := context.WithCancel(t.Context())
	var load sync.WaitGroup
	sent := 0
	load.Go(func() {
		for ; storm.Err() == nil; sent++ {
			if got, err := sender.emitWithAck("say", sent); err != nil || got != fmt.Sprintf("[%d]", sent) {
				t.Errorf("ack of %d: %s %v", sent, got, err)
				return
			}
		}
	})
	var newcomers []*client
	load.Go(func() {
		for storm.Err() == nil {
			newcomers = append(newcomers, p.connectNewcomer(t))
		}
	})
	api := 0
	fails := failingSites(taken.Addr().String())
	for n := 1; n <= 2*len(fails); n++ {
		p.reloadSite(t, stormSite(n))
		sender.mustEmit(t, fmt.Sprintf("[%d]", n), "version")
		p.emitFromAPI(t, fmt.Sprintf(`{"to":["lobby"],"event":"news","args":[%d],"id":"news %d"}`, api, api))
		api++
		failing := fails[n%len(fails)]
		if status, body := p.loadConfig(t, p.buildConfig(failing)); status == http.StatusOK {
			t.Errorf("a config that must fail is loaded:\n%s\n%s", failing, body)
		}
		sender.mustEmit(t, fmt.Sprintf("[%d]", n), "version")
	}
	end()
	load.Wait()

	said, news := numberedEvents("said", 0, sent-1), numberedEvents("news", 0, api-1)
	for _, c := range append(members, sender) {
		if c.reconnect && c.revision == 3 && len(c.readLife()) > 1 {
			continue // revision 3 has no recovery
		}
		wantEventsNamed(t, "said", said, c)
		wantEventsNamed(t, "news", news, c)
		if !c.reconnect {
			wantLife(t, []string{"connect"}, c)
		} else if slices.Contains(c.readLife()[1:], "connect") {
			t.Errorf("%s: not recovered: %q", c.name, c.readLife())
		}
	}
	for _, c := range newcomers {
		checkNewcomer(t, c)
	}
	t.Logf("%d reloads, %d events, %d newcomers", 4*len(fails), sent, len(newcomers))
}

// connectNewcomer connects a client that tries again as official clients do, and emits once.
func (p *process) connectNewcomer(t *testing.T) *client {
	c := newClient(p.address, clientOptions{name: "newcomer", reconnect: true})
	go c.run()
	t.Cleanup(c.stopClient)
	late := make(chan struct{})
	stop := context.AfterFunc(t.Context(), func() { close(late) })
	defer stop()
	for {
		c.mu.Lock()
		joined, changed := c.joined, c.changed
		c.mu.Unlock()
		if joined {
			break
		}
		select {
		case <-changed:
		case <-late:
			return c
		}
	}
	if _, err := c.emitWithAck("version"); err != nil {
		t.Errorf("newcomer: %v; life %q", err, c.readLife())
	}
	return c
}

// checkNewcomer checks the life of a client that connected during reloads. The kernel and Go's
// HTTP server may cut a new connection off before its request has a handler, and Caddy serves a
// site of a config until the start of another site fails: a request meets a site without the
// route, or a route of a config that is not in use. No other handshake fails, and no connection
// is refused.
func checkNewcomer(t *testing.T, c *client) {
	t.Helper()
	life := c.readLife()
	causes := []string{"connection reset by peer", "broken pipe", "bad handshake: 200 OK", "bad handshake: 503"}
	for _, entry := range life[:len(life)-1] {
		if !strings.HasSuffix(entry, "EOF") && !slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(entry, cause) }) {
			t.Errorf("newcomer: %q", life)
		}
	}
	if life[len(life)-1] != "connect" {
		t.Errorf("newcomer: %q", life)
	}
}
