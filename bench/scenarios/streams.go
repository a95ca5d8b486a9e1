package scenarios

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// streamsScenario is broadcasts over TLS, HTTP/2 and HTTP/3. Node.js's Engine.IO has no
// WebSockets on streams, Centrifuge has them on HTTP/2.
var streamsScenario = Scenario{Name: "streams", Peers: []string{"caddy", "base", "centrifuge"}, Measure: func(r *Run) error {
	for _, c := range []streamCase{
		{load.TLS, "HTTP/1.1", 1}, {load.HTTP2, "HTTP/2", 1}, {load.HTTP2, "HTTP/2", 50}, {load.HTTP3, "HTTP/3", 1}, {load.HTTP3, "HTTP/3", 50},
	} {
		if c.transport == load.HTTP3 && r.Peer == "centrifuge" {
			continue
		}
		if err := r.measureStreams(c); err != nil {
			return fmt.Errorf("%s: %w", c.version, err)
		}
	}
	return nil
}}

// streamCase is a version of HTTP, and a number of WebSockets that share a connection.
type streamCase struct {
	transport load.Transport
	version   string
	shared    int
}

// measureStreams measures broadcasts to 100 and to 1,000 sockets, with 8 in flight.
func (r *Run) measureStreams(c streamCase) error {
	return r.withServer(servers.Options{TLS: true}, func(server *servers.Server, loop *load.Loop) error {
		o := load.Options{
			Address: server.Address, Protocol: r.peerProtocol(), Transport: c.transport, Streams: c.shared, Room: func(int) string { return "lobby" },
		}
		var clients []*load.Client
		sizes := []int{100, 1000}
		if r.Quick {
			sizes = sizes[:1]
		}
		for _, size := range sizes {
			more, err := loop.Open(size-len(clients), o)
			if err != nil {
				return err
			}
			clients = append(clients, more...)
			name := fmt.Sprintf("%d sockets, %s", size, c.version)
			if c.shared > 1 {
				name += fmt.Sprintf(", %d on a connection", c.shared)
			}
			if err := r.measureClosedLoop(closedLoop{name, 8, payloadBytes}, clients, server, loop); err != nil {
				return err
			}
		}
		return nil
	})
}
