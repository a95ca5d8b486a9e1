package scenarios

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// fanOutScenario is broadcasts to one room that grows, with 1 and with 8 broadcasts in flight:
// the next one is sent when all members have got one.
var fanOutScenario = Scenario{Name: "fan-out", Peers: everyPeer, Quick: true, Measure: measureFanOut}

// payloadBytes and largePayloadBytes are sizes of the one argument of broadcasts.
const payloadBytes, largePayloadBytes = 100, 1000

// fanOutSizes returns the sizes of the room.
func (r *Run) fanOutSizes() []int {
	if r.Quick {
		return []int{1000}
	}
	sizes := []int{100, 1000, 5000, 10_000}
	if r.MaxSockets > 10_000 {
		sizes = append(sizes, min(20_000, r.MaxSockets))
	}
	return sizes
}

func measureFanOut(r *Run) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		o := load.Options{Address: server.Address, Protocol: r.peerProtocol(), Room: func(int) string { return "lobby" }}
		var clients []*load.Client
		for _, size := range r.fanOutSizes() {
			more, err := loop.Open(size-len(clients), o)
			if err != nil {
				return err
			}
			clients = append(clients, more...)
			cases := []closedLoop{newClosedLoop(size, 1), newClosedLoop(size, 8)}
			if !r.Quick && (size == 1000 || size == 10_000) {
				cases = append(cases, closedLoop{fmt.Sprintf("%d sockets, 8 in flight, %d bytes", size, largePayloadBytes), 8, largePayloadBytes})
			}
			for _, c := range cases {
				if err := r.measureClosedLoop(c, clients, server, loop); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// newClosedLoop returns a case with small payloads.
func newClosedLoop(sockets, inFlight int) closedLoop {
	return closedLoop{fmt.Sprintf("%d sockets, %d in flight", sockets, inFlight), inFlight, payloadBytes}
}

// closedLoop is broadcasts with payloads of a size in bytes, of which a number is in flight.
type closedLoop struct {
	name     string
	inFlight int
	size     int
}

// measureClosedLoop measures broadcasts to all clients.
func (r *Run) measureClosedLoop(c closedLoop, clients []*load.Client, server *servers.Server, loop *load.Loop) error {
	var b *broadcaster
	loop.Do(func() {
		b = newBroadcaster(loop, c.size)
		lobby := b.addRoom("lobby", clients)
		refill := func() {
			for lobby.flying < c.inFlight {
				b.sendBroadcast(lobby, r.peerProtocol())
			}
		}
		deliver := loop.OnMessage
		loop.OnMessage = func(c *load.Client, m load.Message) {
			deliver(c, m)
			if !b.stopped && b.failure == nil {
				refill()
			}
		}
		refill()
	})
	if err := loop.RunFor("warm up", warmUp); err != nil {
		return err
	}
	loop.Do(b.resetCounts)
	u, err := r.measureUsage(func() error { return loop.RunFor("broadcast", r.scaleTime(1.5)) }, server)
	if err != nil {
		return err
	}
	var values map[string]float64
	loop.Do(func() {
		values = u.perOperation(b.deliveries)
		addLatency(values, b.latency)
		b.stopped = true
	})
	if err := b.awaitDeliveries(); err != nil {
		return err
	}
	r.addResult(c.name, values)
	return nil
}
