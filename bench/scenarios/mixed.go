package scenarios

import (
	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// mixedScenario is a room of 1,000 sockets, of which a half are clients of Socket.IO 2, with
// Engine.IO 3.
var mixedScenario = Scenario{Name: "mixed", Peers: socketIOPeers, Measure: func(r *Run) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		var clients []*load.Client
		for _, version := range []int{4, 3} {
			half, err := loop.Open(500, load.Options{
				Address: server.Address, Protocol: load.SocketIO{EIO: version}, Room: func(int) string { return "lobby" },
			})
			if err != nil {
				return err
			}
			clients = append(clients, half...)
		}
		return r.measureClosedLoop(closedLoop{"EIO 3 and 4, 1000 sockets, 8 in flight", 8, payloadBytes}, clients, server, loop)
	})
}}
