package scenarios

import (
	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// pollingScenario is broadcasts to 500 clients that poll. One more client, which sends them,
// has a WebSocket.
var pollingScenario = Scenario{Name: "polling", Peers: socketIOPeers, Measure: func(r *Run) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		o := load.Options{Address: server.Address, Protocol: r.peerProtocol(), Room: func(int) string { return "lobby" }}
		clients, err := loop.Open(1, o)
		if err != nil {
			return err
		}
		o.Transport = load.Polling
		var pollers []*load.Client
		u, err := r.measureUsage(func() error {
			var err error
			pollers, err = loop.Open(500, o)
			return err
		}, server)
		if err != nil {
			return err
		}
		r.addResult("connects", u.perOperation(len(pollers)))
		clients = append(clients, pollers...)
		if err := r.measureClosedLoop(closedLoop{"500 clients, 1 in flight", 1, payloadBytes}, clients, server, loop); err != nil {
			return err
		}
		b := newBroadcaster(loop, payloadBytes)
		b.addRoom("lobby", clients)
		return r.measureAtRate("500 clients, 10 a second", 10, b, server)
	})
}}
