package scenarios

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// heartbeatScenario is heartbeats of idle WebSockets: their CPU, and the memory of connections
// that have had one. Over TLS, only Caddy is measured: the figures are for sizing.
var heartbeatScenario = Scenario{Name: "heartbeat", Peers: idleScenario.Peers, Measure: func(r *Run) error {
	if err := r.measureHeartbeats(5000, load.Plain, ""); err != nil || r.Peer == "node" || r.Peer == "centrifuge" {
		return err
	}
	return r.measureHeartbeats(2000, load.TLS, ", TLS")
}}

// heartbeatInterval is shorter than servers' defaults, so that a round takes less time.
const heartbeatInterval = 3 * time.Second

func (r *Run) measureHeartbeats(connections int, transport load.Transport, suffix string) error {
	return r.withMemoryRun(servers.Options{PingInterval: heartbeatInterval}, transport, func(m *memoryRun) error {
		loop := m.loop
		if _, err := loop.Open(connections, m.options); err != nil {
			return err
		}
		if err := loop.RunFor("await the first heartbeats", heartbeatInterval+settleTime); err != nil {
			return err
		}
		before := 0
		loop.Do(func() { before = loop.Heartbeats })
		u, err := r.measureUsage(func() error { return loop.RunFor("answer heartbeats", heartbeatInterval) }, m.server)
		if err != nil {
			return err
		}
		count := 0
		loop.Do(func() { count = loop.Heartbeats - before })
		if count < connections*9/10 {
			return fmt.Errorf("%d connections had %d heartbeats in %s", connections, count, heartbeatInterval)
		}
		values := u.perOperation(count)
		if err := m.addIdle(values, connections); err != nil {
			return err
		}
		if err := m.addCollected(values, connections); err != nil {
			return err
		}
		r.addResult(fmt.Sprintf("%d connections%s", connections, suffix), values)
		return nil
	})
}
