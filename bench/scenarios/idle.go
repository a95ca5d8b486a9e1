package scenarios

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// idleScenario is the memory of the process and of the kernel for WebSockets that do nothing, each in one room that it has
// joined by an event.
var idleScenario = Scenario{Name: "idle", Peers: []string{"caddy", "base", "node", "centrifuge"}, Quick: true, Measure: func(r *Run) error {
	sizes := []int{1000, 5000, 10_000}
	if r.Quick {
		sizes = []int{3000}
	}
	return r.measureMemory(servers.Options{}, load.Plain, sizes)
}}

// idleTLSScenario is the same over TLS.
var idleTLSScenario = Scenario{Name: "idle-tls", Peers: idleScenario.Peers, Measure: func(r *Run) error {
	return r.measureMemory(servers.Options{TLS: true}, load.TLS, []int{1000, 3000})
}}

// measureMemory measures the resident memory as connections are added, and at last after a
// collection of garbage.
func (r *Run) measureMemory(so servers.Options, transport load.Transport, sizes []int) error {
	return r.withServer(so, func(server *servers.Server, loop *load.Loop) error {
		o := r.connectOptions(server)
		o.Transport = transport
		empty, err := measureEmpty(server, loop, o)
		if err != nil {
			return err
		}
		kernel := servers.KernelMemory()
		open := 0
		for i, size := range sizes {
			if _, err := loop.Open(size-open, o); err != nil {
				return err
			}
			open = size
			if err := loop.RunFor("idle", settleTime); err != nil {
				return err
			}
			values := map[string]float64{"empty": float64(empty)}
			if err := addMemory(values, "idle", server, empty, size); err != nil {
				return err
			}
			if i == len(sizes)-1 {
				values["kernel"] = float64(servers.KernelMemory()-kernel) / float64(size)
				if err := server.Collect(); err != nil {
					return err
				}
				if err := addMemory(values, "collected", server, empty, size); err != nil {
					return err
				}
			}
			r.addResult(fmt.Sprintf("%d connections", size), values)
		}
		return nil
	})
}

// measureEmpty returns the resident memory without connections, after the server has served
// some.
func measureEmpty(server *servers.Server, loop *load.Loop, o load.Options) (int64, error) {
	clients, err := loop.Open(200, o)
	if err != nil {
		return 0, err
	}
	closeAll(clients, loop)
	server.AwaitIdle()
	if err := server.Collect(); err != nil {
		return 0, err
	}
	return server.RSS()
}

// settleTime is the wait before memory is read: the goal holds from the first second on.
const settleTime = time.Second

// addMemory adds the resident memory of a connection in bytes.
func addMemory(values map[string]float64, name string, server *servers.Server, empty int64, connections int) error {
	rss, err := server.RSS()
	values[name] = float64(rss-empty) / float64(connections)
	return err
}
