package scenarios

import (
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// connectScenario is connects with a join: of clients that stay, of clients that close at
// once, storms of many clients that connect, reconnect and close at the same time, and
// connects over TLS.
var connectScenario = Scenario{Name: "connect", Peers: everyPeer, Quick: true, Measure: func(r *Run) error {
	for _, measure := range []func(*servers.Server, *load.Loop) error{r.measureConnects, r.measureChurn, r.measureStorm} {
		if err := r.withServer(servers.Options{}, measure); err != nil {
			return err
		}
	}
	if r.Peer == "raw" {
		return nil
	}
	return r.withServer(servers.Options{TLS: true}, r.measureTLSConnects)
}}

// connectOptions are of clients in 100 rooms.
func (r *Run) connectOptions(server *servers.Server) load.Options {
	return load.Options{Address: server.Address, Protocol: r.peerProtocol(), Room: func(i int) string { return fmt.Sprintf("room%d", i%100) }}
}

// measureConnects measures 5,000 connects, 64 at a time.
func (r *Run) measureConnects(server *servers.Server, loop *load.Loop) error {
	const count = 5000
	u, err := r.measureUsage(func() error {
		_, err := loop.Open(count, r.connectOptions(server))
		return err
	}, server)
	r.addResult(fmt.Sprintf("%d connects", count), u.perOperation(count))
	return err
}

// measureTLSConnects measures 1,000 connects over TLS, 64 at a time, without resumed sessions.
func (r *Run) measureTLSConnects(server *servers.Server, loop *load.Loop) error {
	const count = 1000
	o := r.connectOptions(server)
	o.Transport = load.TLS
	u, err := r.measureUsage(func() error {
		_, err := loop.Open(count, o)
		return err
	}, server)
	r.addResult(fmt.Sprintf("%d connects over TLS", count), u.perOperation(count))
	return err
}

// measureChurn measures clients that connect, join and close, 50 at a time.
func (r *Run) measureChurn(server *servers.Server, loop *load.Loop) error {
	const parallel = 50
	o := r.connectOptions(server)
	count, open := 0, 0
	var failure error
	onReady := func(c *load.Client) {
		c.Close()
		count++
		open--
	}
	refill := func() bool {
		for open < parallel && failure == nil {
			open++
			_, failure = loop.OpenOne(count+open, &o, onReady)
		}
		return failure != nil
	}
	end := time.Now().Add(warmUp)
	done := func() bool { return refill() || time.Now().After(end) }
	if err := loop.Run("warm up", time.Minute, done); err != nil {
		return err
	}
	count = 0
	end = time.Now().Add(r.scaleTime(2))
	u, err := r.measureUsage(func() error { return loop.Run("connect and close", time.Minute, done) }, server)
	if err == nil {
		err = failure
	}
	r.addResult("connect, join, close", u.perOperation(count))
	return err
}

// measureStorm measures 2,000 clients that connect at the same moment, lose their connections
// and reconnect at the same moment, and close at the same moment.
func (r *Run) measureStorm(server *servers.Server, loop *load.Loop) error {
	const count = 2000
	o := r.connectOptions(server)
	o.Parallel = count
	var clients []*load.Client
	for _, name := range []string{"2000 connect at once", "2000 reconnect at once"} {
		u, err := r.measureUsage(func() error {
			closeAll(clients, loop)
			var err error
			clients, err = loop.Open(count, o)
			return err
		}, server)
		if err != nil {
			return err
		}
		r.addResult(name, u.perOperation(count))
		server.AwaitIdle()
	}
	u, err := r.measureUsage(func() error {
		closeAll(clients, loop)
		server.AwaitIdle()
		return nil
	}, server)
	values := u.perOperation(count)
	delete(values, "rate") // the time ends with a wait
	r.addResult("2000 close at once", values)
	return err
}

// closeAll closes clients at the same moment.
func closeAll(clients []*load.Client, loop *load.Loop) {
	loop.Do(func() {
		for _, c := range clients {
			c.Close()
		}
	})
}
