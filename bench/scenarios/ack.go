package scenarios

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// ackScenario is an event with an acknowledgement: 50 clients, each with one event in flight.
var ackScenario = Scenario{Name: "ack", Peers: everyPeer, Quick: true, Measure: measureAcks}

// joinLeaveScenario is joins and leaves with acknowledgements, of 50 clients in 10 rooms.
var joinLeaveScenario = Scenario{Name: "join-leave", Peers: everyPeer, Quick: true, Measure: measureJoins}

const callers = 50

// warmUp is the time before a measurement begins.
const warmUp = 500 * time.Millisecond

func measureAcks(r *Run) error {
	text := []byte(strings.Repeat("e", 32))
	p := r.peerProtocol()
	return r.measureCalls(func(id int, _ *load.Client) []byte { return p.Echo(id, text) },
		func(reply []byte) bool { return bytes.Contains(reply, text) })
}

func measureJoins(r *Run) error {
	p := r.peerProtocol()
	return r.measureCalls(func(id int, c *load.Client) []byte {
		room := fmt.Sprintf("room%d", c.Index%10)
		if id%2 == 0 {
			return p.Join(id, room)
		}
		return p.Leave(id, room)
	}, func([]byte) bool { return true })
}

// measureCalls measures messages of which each client sends the next one when the last one
// is acknowledged. build returns the message with an id, valid checks its acknowledgement.
func (r *Run) measureCalls(build func(int, *load.Client) []byte, valid func([]byte) bool) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		clients, err := loop.Open(callers, load.Options{Address: server.Address, Protocol: r.peerProtocol()})
		if err != nil {
			return err
		}
		var failure error
		count, latency := 0, new(load.Histogram)
		sent := make([]time.Time, callers)
		ids := make([]int, callers)
		call := func(c *load.Client) {
			ids[c.Index]++
			sent[c.Index] = time.Now()
			c.Send(build(ids[c.Index], c))
		}
		loop.OnMessage = func(c *load.Client, m load.Message) {
			if m.Kind != load.Acked || m.ID != ids[c.Index] || !valid(m.Payload) {
				failure = fmt.Errorf("client %d: want the reply %d, got %d %.60q", c.Index, ids[c.Index], m.ID, m.Payload)
				return
			}
			latency.Add(loop.Now().Sub(sent[c.Index]))
			count++
			call(c)
		}
		for i, c := range clients {
			ids[i] = 1 // of Open's join; the first call is a join with an even id
			call(c)
		}
		if err := loop.RunFor("warm up", warmUp); err != nil {
			return err
		}
		count, latency = 0, new(load.Histogram)
		u, err := r.measureUsage(func() error { return loop.RunFor("send events", r.scaleTime(2)) }, server)
		if err == nil {
			err = failure
		}
		values := u.perOperation(count)
		addLatency(values, latency)
		r.addResult(fmt.Sprintf("%d clients", callers), values)
		return err
	})
}
