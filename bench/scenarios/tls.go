package scenarios

import (
	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// tlsScenario is broadcasts over TLS.
var tlsScenario = Scenario{Name: "tls", Peers: []string{"caddy", "base", "node", "centrifuge"}, Measure: func(r *Run) error {
	return r.withServer(servers.Options{TLS: true}, func(server *servers.Server, loop *load.Loop) error {
		clients, err := loop.Open(1000, load.Options{
			Address: server.Address, Protocol: r.peerProtocol(), Transport: load.TLS, Room: func(int) string { return "lobby" },
		})
		if err != nil {
			return err
		}
		for _, inFlight := range []int{1, 8} {
			if err := r.measureClosedLoop(newClosedLoop(len(clients), inFlight), clients, server, loop); err != nil {
				return err
			}
		}
		return nil
	})
}}
