package scenarios

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// outsideScenario is emits by HTTP requests of one connection, one after another: to a room
// without members, and to one of 1,000.
var outsideScenario = Scenario{Name: "outside", Peers: socketIOPeers, Quick: true, Measure: func(r *Run) error {
	return r.withServer(servers.Options{}, func(server *servers.Server, loop *load.Loop) error {
		for _, members := range []int{0, 1000} {
			if err := r.measureEmits(members, server, server, loop); err != nil {
				return err
			}
		}
		return nil
	})
}}

// redisScenario is the same with two nodes that Redis joins: one gets the requests, the other
// one has the clients.
var redisScenario = Scenario{Name: "redis", Peers: socketIOPeers, Measure: func(r *Run) error {
	redis, err := r.Settings.StartRedis()
	if err != nil {
		return err
	}
	defer redis.Stop()
	o := servers.Options{Redis: redis.Address.String()}
	other, err := r.Settings.Start(r.Peer, o)
	if err != nil {
		return err
	}
	defer other.Stop()
	return r.withServer(o, func(server *servers.Server, loop *load.Loop) error {
		if err := loop.RunFor("form the cluster", 2*time.Second); err != nil {
			return err
		}
		return r.measureEmits(1000, other, server, loop)
	})
}}

// emitForm is how emits are written into requests.
type emitForm struct {
	name      string
	toNone    int // emits to a room without members
	toMany    int // emits to a room of 1,000
	inRequest int // emits in a request
	caddyOnly bool
}

var emitForms = []emitForm{
	{"single", 3000, 500, 1, false},
	{"batch", 50_000, 3000, 1000, true},
	{"stream", 100_000, 6000, 100_000, true},
}

// measureEmits measures each form of emits to a room of clients on a node, sent to another
// node or to the same one.
func (r *Run) measureEmits(members int, to, of *servers.Server, loop *load.Loop) error {
	clients, err := loop.Open(max(members, 1), load.Options{
		Address: of.Address, Protocol: r.peerProtocol(), Room: func(int) string { return "lobby" },
	})
	if err != nil {
		return err
	}
	for _, form := range emitForms {
		if form.caddyOnly && r.Peer == "node" {
			continue
		}
		name, room, count := fmt.Sprintf("%s, room of %d", form.name, members), "lobby", form.toMany
		if members == 0 {
			room, count = "nobody", form.toNone
		}
		if r.Quick {
			count /= 2
		}
		b := newBroadcaster(loop, payloadBytes)
		lobby := b.addRoom(room, clients)
		lobby.members = members
		bodies := form.buildBodies(b, lobby, count)
		var posted atomic.Pointer[error]
		u, err := r.measureUsage(func() error {
			go func() {
				err := to.PostEmits(form.name, bodies)
				posted.Store(&err)
			}()
			return loop.Run("emit from outside", time.Minute, func() bool {
				return posted.Load() != nil && (members == 0 || lobby.flying == 0 || b.failure != nil)
			})
		}, uniqueServers(to, of)...)
		if err == nil {
			err = *posted.Load()
		}
		if err == nil {
			err = b.failure
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.addResult(name, u.perOperation(count))
	}
	loop.OnMessage = nil
	for _, c := range clients {
		c.Close()
	}
	return nil
}

func uniqueServers(a, b *servers.Server) []*servers.Server {
	if a == b {
		return []*servers.Server{a}
	}
	return []*servers.Server{a, b}
}

// buildBodies returns the bodies of the requests for count emits.
func (f emitForm) buildBodies(b *broadcaster, r *room, count int) [][]byte {
	var bodies [][]byte
	var emits [][]byte
	flush := func() {
		switch f.name {
		case "batch":
			bodies = append(bodies, fmt.Appendf(nil, "[%s]", bytes.Join(emits, []byte(","))))
		default:
			bodies = append(bodies, bytes.Join(emits, []byte("\n")))
		}
		emits = nil
	}
	for range count {
		payload := b.nextPayload(r)
		if r.members == 0 {
			r.flying = 0
		}
		emits = append(emits, fmt.Appendf(nil, `{"to":[%q],"event":"msg","args":[%q]}`, r.name, payload))
		if len(emits) == f.inRequest {
			flush()
		}
	}
	if len(emits) > 0 {
		flush()
	}
	return bodies
}
