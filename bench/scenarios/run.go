// Package scenarios measures servers. Each file has one scenario.
package scenarios

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/report"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// Scenario measures each of its peers once a round.
type Scenario struct {
	// Name selects the scenario on the command line, and is in its results.
	Name string
	// Peers are the servers that can do it, in the order of their turns.
	Peers []string
	// Quick tells whether the scenario is part of a quick run.
	Quick bool
	// Measure measures one peer. It starts the server itself.
	Measure func(*Run) error
}

// All returns the scenarios in the order of a round.
func All() []Scenario {
	return []Scenario{
		ackScenario, joinLeaveScenario, fanOutScenario, rateScenario, mixedScenario, pollingScenario, tlsScenario, streamsScenario,
		connectScenario, idleScenario, idleTLSScenario, heartbeatScenario, outsideScenario, redisScenario,
	}
}

// everyPeer are the peers of scenarios that all servers can do.
var everyPeer = []string{"caddy", "base", "node", "centrifuge", "raw"}

// socketIOPeers are the peers of scenarios that only Socket.IO servers can do.
var socketIOPeers = []string{"caddy", "base", "node"}

// Run is one turn of one peer.
type Run struct {
	// Settings start servers.
	Settings *servers.Settings
	// Peer is the name of the server.
	Peer string
	// Quick asks for fewer cases and shorter times.
	Quick bool
	// MaxSockets is the number of sockets that file descriptors allow.
	MaxSockets int
	// Results are the cases measured so far.
	Results []report.Result
	// Noise is the largest number of CPUs that other processes used during a measurement.
	Noise float64
}

// addResult adds the values of a case.
func (r *Run) addResult(name string, values map[string]float64) {
	r.Results = append(r.Results, report.Result{Case: name, Peer: r.Peer, Values: values})
}

// peerProtocol returns the protocol of the peer.
func (r *Run) peerProtocol() load.Protocol {
	if r.Peer == "centrifuge" {
		return load.Centrifuge{}
	}
	return load.SocketIO{EIO: 4}
}

// scaleTime returns the time of a measurement, which is shorter in a quick run.
func (r *Run) scaleTime(full float64) time.Duration {
	if r.Quick {
		full /= 2
	}
	return time.Duration(full * float64(time.Second))
}

// withServer starts the peer and a loop, and stops both when measure has returned.
func (r *Run) withServer(o servers.Options, measure func(*servers.Server, *load.Loop) error) error {
	server, err := r.Settings.Start(r.Peer, o)
	if err != nil {
		return err
	}
	defer server.Stop()
	loop, err := load.NewLoop()
	if err != nil {
		return err
	}
	defer loop.Close()
	if err := measure(server, loop); err != nil {
		return fmt.Errorf("%s: %w", r.Peer, err)
	}
	return nil
}

// usage is the work of a time.
type usage struct {
	elapsed time.Duration
	server  time.Duration // CPU
}

// measureUsage runs work and returns the time and the CPU of the servers that it needed.
func (r *Run) measureUsage(work func() error, list ...*servers.Server) (usage, error) {
	before := servers.TakeSample(list...)
	err := work()
	after := servers.TakeSample(list...)
	elapsed := after.Time.Sub(before.Time)
	r.Noise = max(r.Noise, after.OtherCPUs(before))
	return usage{elapsed: elapsed, server: after.Servers - before.Servers}, err
}

// perOperation returns rate and CPU of count operations: operations a second, CPU seconds for a
// million operations.
func (u usage) perOperation(count int) map[string]float64 {
	return map[string]float64{
		"rate": float64(count) / u.elapsed.Seconds(),
		"cpu":  u.server.Seconds() / float64(max(count, 1)) * 1e6,
	}
}

// addLatency adds the percentiles of a histogram in milliseconds.
func addLatency(values map[string]float64, h *load.Histogram) {
	for name, q := range map[string]float64{"p50": 0.5, "p99": 0.99} {
		values[name] = float64(h.Quantile(q)) / float64(time.Millisecond)
	}
}
