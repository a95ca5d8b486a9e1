package faults_test

import (
	"fmt"
	"testing"
)

// lobby is a site whose clients are in the room "lobby". Its rule "say" emits to the room,
// the sender included, and acknowledges.
const lobby = `socketio {
	namespace / {
		join lobby
		on say {
			in lobby emit said {event.args.0}
			ack {event.args.0}
		}
		on version {
			ack 1
		}
	}
}`

// clientKinds are a client of each revision and transport.
var clientKinds = []clientOptions{
	{transport: "websocket", revision: 4},
	{transport: "websocket", revision: 3},
	{transport: "polling", revision: 4},
	{transport: "polling", revision: 3},
}

// TestNoFault checks the harness: without a fault, every client receives every event once.
func TestNoFault(t *testing.T) {
	p := startCaddy(t, setup{site: lobby})
	var all []*client
	for _, kind := range clientKinds {
		all = append(all, p.connectClient(t, kind))
	}
	for n := range 20 {
		all[n%len(all)].mustEmit(t, fmt.Sprintf("[%d]", n), "say", n)
	}
	wantEvents(t, numberedEvents("said", 0, 19), all...)
	wantLife(t, []string{"connect"}, all...)
}
