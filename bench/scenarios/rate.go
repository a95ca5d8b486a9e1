package scenarios

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// rateScenario is broadcasts at fixed rates, for their latency.
var rateScenario = Scenario{Name: "rate", Peers: everyPeer, Measure: func(r *Run) error {
	for _, c := range []rateCase{{1, 1000, 20}, {1, 10_000, 3}, {250, 20, 1000}} {
		if err := r.measureRate(c); err != nil {
			return err
		}
	}
	return nil
}}

// rateCase is a number of rooms with members each, and broadcasts a second in all.
type rateCase struct{ rooms, members, rate int }

func (c rateCase) String() string {
	if c.rooms == 1 {
		return fmt.Sprintf("%d sockets, %d a second", c.members, c.rate)
	}
	return fmt.Sprintf("%d rooms of %d, %d a second", c.rooms, c.members, c.rate)
}

func (r *Run) measureRate(c rateCase) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		roomOf := func(i int) string { return fmt.Sprintf("room%d", i/c.members) }
		clients, err := loop.Open(c.rooms*c.members, load.Options{Address: server.Address, Protocol: r.peerProtocol(), Room: roomOf})
		if err != nil {
			return err
		}
		b := newBroadcaster(loop, payloadBytes)
		for i := range c.rooms {
			b.addRoom(roomOf(i*c.members), clients[i*c.members:(i+1)*c.members])
		}
		return r.measureAtRate(c.String(), c.rate, b, server)
	})
}

// measureAtRate measures broadcasts at a rate, to one room of the broadcaster after another.
func (r *Run) measureAtRate(name string, rate int, b *broadcaster, server *servers.Server) error {
	begin, sent := time.Now(), 0
	b.loop.OnTick = func(now time.Time) {
		for ; float64(sent) < now.Sub(begin).Seconds()*float64(rate) && b.failure == nil; sent++ {
			b.sendBroadcast(b.rooms[sent%len(b.rooms)], r.peerProtocol())
		}
	}
	if err := b.loop.RunFor("warm up", warmUp); err != nil {
		return err
	}
	b.loop.Do(b.resetCounts)
	u, err := r.measureUsage(func() error { return b.loop.RunFor("broadcast", r.scaleTime(3)) }, server)
	if err != nil {
		return err
	}
	values := u.perOperation(b.deliveries)
	addLatency(values, b.latency)
	if err := b.awaitDeliveries(); err != nil {
		return err
	}
	r.addResult(name, values)
	return nil
}
