package scenarios

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// idleScenario is the memory of the process and of the kernel for WebSockets that do nothing,
// each in one room that it has joined by an event.
var idleScenario = Scenario{Name: "idle", Peers: []string{"caddy", "base", "node", "centrifuge"}, Quick: true, Measure: func(r *Run) error {
	sizes := []int{1000, 5000, 10_000}
	if r.Quick {
		sizes = []int{3000}
	}
	return r.measureMemory(load.Plain, sizes)
}}

// idleTLSScenario is the same over TLS.
var idleTLSScenario = Scenario{Name: "idle-tls", Peers: idleScenario.Peers, Measure: func(r *Run) error {
	return r.measureMemory(load.TLS, []int{1000, 3000})
}}

// measureMemory measures the resident memory as connections are added, and at last after a
// collection of garbage.
func (r *Run) measureMemory(transport load.Transport, sizes []int) error {
	return r.withMemoryRun(servers.Options{}, transport, func(m *memoryRun) error {
		kernel := servers.KernelMemory()
		open := 0
		for i, size := range sizes {
			if _, err := m.loop.Open(size-open, m.options); err != nil {
				return err
			}
			open = size
			if err := m.loop.RunFor("idle", settleTime); err != nil {
				return err
			}
			values := map[string]float64{"empty": float64(m.empty)}
			if err := m.addIdle(values, size); err != nil {
				return err
			}
			if i == len(sizes)-1 {
				values["kernel"] = float64(servers.KernelMemory()-kernel) / float64(size)
				if err := m.addCollected(values, size); err != nil {
					return err
				}
			}
			r.addResult(fmt.Sprintf("%d connections", size), values)
		}
		return nil
	})
}
