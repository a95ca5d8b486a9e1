package faults_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// panicSite has rules and namespaces with handlers that panic. n is the reply to "version".
func panicSite(n int, more string) string {
	return fmt.Sprintf(`socketio {
	namespace / {
		on connect {
			join lobby
			fault listen
		}
		on say {
			in lobby emit said {event.args.0}
			ack {event.args.0}
		}
		on version {
			ack %d
		}
		on arm {
			fault arm
			ack armed
		}
		on enter {
			join {event.args.0}
			ack entered
		}
		on panic {
			fault now
		}
		on alongside {
			parallel
			fault now
		}
		on call {
			fault "call back"
		}
		on disconnect {
			fault farewell
		}
		every 1s {
			fault every
			all emit tick
		}
		on room_occupied room:* {
			fault "room rule"
			all emit occupied {event.room}
		}
	}
	namespace /refused {
		on connect {
			fault now
		}
	}
	%s
}`, n, more)
}

// panicTest is a Caddy with clients that nothing may happen to.
type panicTest struct {
	*testing.T
	p       *process
	clients []*client
	said    int // numbers sent
}

// startPanicTest starts a Caddy with the adapter that panics, and a client of each kind.
func startPanicTest(t *testing.T) *panicTest {
	p := startCaddy(t, setup{global: "socketio {\ncluster fault one\n}", site: panicSite(0, ""), expectPanics: true})
	s := &panicTest{T: t, p: p}
	for _, kind := range clientKinds {
		s.clients = append(s.clients, p.connectClient(t, kind))
	}
	return s
}

// say emits an event to all clients.
func (s *panicTest) say() {
	s.Helper()
	s.clients[s.said%len(s.clients)].mustEmit(s.T, fmt.Sprintf("[%d]", s.said), "say", s.said)
	s.said++
}

// arm arms a place.
func (s *panicTest) arm(place string) {
	s.Helper()
	s.clients[0].mustEmit(s.T, `["armed"]`, "arm", place)
}

// awaitPanics waits until so many panics are logged.
func (s *panicTest) awaitPanics(text string, n int) {
	s.Helper()
	awaitTrue(s.T, func() string {
		return fmt.Sprintf("%d of %d panics of %q are logged", s.p.log.countLines(text), n, text)
	}, func() bool {
		return s.p.log.countLines(text) >= n
	})
}

// compareClients compares what all clients received with what was sent.
func (s *panicTest) compareClients() {
	s.Helper()
	wantEventsNamed(s.T, "said", numberedEvents("said", 0, s.said-1), s.clients...)
	wantLife(s.T, []string{"connect"}, s.clients...)
}

// TestPanicsOfHandlersAndListeners lets handlers of all kinds of rules, listeners and callbacks
// panic. A panic closes at most the connection whose event it handles.
func TestPanicsOfHandlersAndListeners(t *testing.T) {
	s := startPanicTest(t)
	for _, event := range []string{"panic", "alongside", "overhear", "call"} {
		s.say()
		victim := s.p.connectClient(t, clientOptions{name: "victim of " + event})
		if _, err := victim.emitWithAck(event, 1); err == nil {
			t.Errorf("%s is acknowledged", event)
		}
		victim.awaitLife(t, 2)
		s.say()
	}
	refused := newClient(s.p.address, clientOptions{name: "refused", namespace: "/refused"})
	go refused.run()
	t.Cleanup(refused.stopClient)
	refused.awaitLife(t, 1)
	s.say()

	leaving := s.p.connectClient(t, clientOptions{name: "leaving"})
	s.arm("farewell")
	leaving.stopClient()
	s.awaitPanics("fault at farewell", 1)
	s.say()

	s.arm("every")
	s.awaitPanics("fault at every", 1)
	ticks := len(selectEvents(s.clients[0].readEvents(), "tick"))
	s.clients[0].awaitRecords(t, "another tick", func() bool { return len(selectEvents(s.clients[0].events, "tick")) > ticks })
	s.say()

	// The rooms room:a1, room:a2 and so on take turns in the lanes for events of rooms.
	for n := range 32 {
		if n%8 == 0 {
			s.arm("room rule")
		}
		s.clients[n%4].mustEmit(t, `["entered"]`, "enter", fmt.Sprint("room:a", n))
	}
	s.arm("room listener")
	s.clients[1].mustEmit(t, `["entered"]`, "enter", "quiet")
	s.awaitPanics("fault at room listener", 1)
	for n := range 32 {
		s.clients[n%4].mustEmit(t, `["entered"]`, "enter", fmt.Sprint("room:b", n))
	}
	for _, c := range s.clients {
		c.awaitRecords(t, "events of rooms", func() bool { return strings.Count(strings.Join(c.events, ""), `["occupied","room:b`) == 32 })
	}
	s.say()
	s.compareClients()
}

// TestPanicsOfAdapters lets each method of an adapter panic. The sockets of the node miss
// nothing, and reloads work.
func TestPanicsOfAdapters(t *testing.T) {
	s := startPanicTest(t)
	for _, place := range []string{"publish", "request", "nodes", "state"} {
		s.arm(place)
		s.say()
		s.p.requestAdmin(t, "GET", "/socketio/sockets", "", "")
		s.p.requestAdmin(t, "GET", "/socketio/", "", "")
		s.p.requestAdmin(t, "GET", "/metrics", "", "")
		s.say()
	}
	reload := func(n int, group, more string) int { // 0 if there is no response
		config := strings.Replace(s.p.buildConfig(panicSite(n, more)), "cluster fault one", "cluster fault \""+group+"\"", 1)
		status, _, _ := s.p.tryAdmin("POST", "/load", "text/caddyfile", config)
		return status
	}
	version := 0
	for i, place := range []string{"cluster", "open", "close", "provision"} {
		s.say()
		s.arm(place)
		status := reload(2*i+1, fmt.Sprint("group ", i), "namespace /provision {\non connect {\nfault provision\n}\n}")
		s.say()
		if loads := place == "open" || place == "close"; loads != (status == http.StatusOK) {
			t.Errorf("a reload with a panic of %s: %d", place, status)
		}
		if status == http.StatusOK {
			version = 2*i + 1
		}
		s.clients[0].mustEmit(t, fmt.Sprintf("[%d]", version), "version")
		version = 2*i + 2
		if status := reload(version, fmt.Sprint("group ", i), "namespace /other {\n}"); status != http.StatusOK {
			t.Errorf("the reload after a panic of %s fails with %d", place, status)
		}
		s.clients[0].mustEmit(t, fmt.Sprintf("[%d]", version), "version")
		s.p.connectClient(t, clientOptions{name: "newcomer", namespace: "/other", reconnect: true})
		s.say()
	}
	s.compareClients()
}
