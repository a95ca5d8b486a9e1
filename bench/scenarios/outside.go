package scenarios

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// outsideScenario is emits by HTTP requests: to a room without members, and to one of 1,000.
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
// one has the clients. At last, a program emits through Redis without a request.
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
		if err := r.measureEmits(1000, other, server, loop); err != nil {
			return err
		}
		return r.measureEmitter(redis, other, server, loop)
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
	{"batch", 50_000, 4000, 1000, true},
	{"stream", 100_000, 4000, 100_000, true},
}

// emitterForm is emits of a program through Redis.
var emitterForm = emitForm{"Redis emitter", 0, 4000, 1, false}

// nodeEmits bounds the emits that Node.js delivers to a room: each takes it more time.
const nodeEmits = 125

// countEmits returns the number of emits to a room.
func (r *Run) countEmits(form emitForm, members int) int {
	count := form.toMany
	if members == 0 {
		count = form.toNone
	} else if r.Peer == "node" {
		count = nodeEmits
	}
	if r.Quick {
		count /= 2
	}
	return count
}

// measureEmits measures each form of emits, on one connection and on four, to a room of
// clients on a node. The requests are sent to another node or to the same one.
func (r *Run) measureEmits(members int, to, of *servers.Server, loop *load.Loop) error {
	clients, err := r.openLobby(max(members, 1), of, loop)
	if err != nil {
		return err
	}
	defer closeAll(clients, loop)
	for _, form := range emitForms {
		if form.caddyOnly && r.Peer == "node" {
			continue
		}
		for _, senders := range []int{1, load.MaxSenders} {
			if r.Quick && senders > 1 {
				continue
			}
			name := fmt.Sprintf("%s, room of %d", form.name, members)
			if senders > 1 {
				name += fmt.Sprintf(", %d connections", senders)
			}
			b := newBroadcaster(loop, payloadBytes)
			b.senders = uint64(senders)
			lobby := b.addRoom("lobby", clients)
			if members == 0 {
				lobby.name, lobby.members = "nobody", 0
			}
			count := r.countEmits(form, members)
			bodies := form.buildBodies(b, lobby, count)
			err := r.measurePosts(name, count, b, uniqueServers(to, of), func() error { return to.PostEmits(form.name, bodies) })
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// measureEmitter measures a program that emits through Redis.
func (r *Run) measureEmitter(redis, other, of *servers.Server, loop *load.Loop) error {
	clients, err := r.openLobby(1000, of, loop)
	if err != nil {
		return err
	}
	emitter, err := r.Settings.StartEmitter(redis, "lobby")
	if err != nil {
		return err
	}
	defer emitter.Stop()
	b := newBroadcaster(loop, payloadBytes)
	lobby := b.addRoom("lobby", clients)
	count := r.countEmits(emitterForm, len(clients))
	payloads := make([][]byte, count)
	for i := range payloads {
		payloads[i] = b.nextPayload(lobby)
	}
	return r.measurePosts(fmt.Sprintf("%s, room of %d", emitterForm.name, len(clients)), count, b, uniqueServers(other, of),
		func() error { return emitter.EmitPayloads(payloads) })
}

// openLobby opens clients in the room "lobby".
func (r *Run) openLobby(n int, server *servers.Server, loop *load.Loop) ([]*load.Client, error) {
	return loop.Open(n, load.Options{
		Address: server.Address, Protocol: r.peerProtocol(), Room: func(int) string { return "lobby" },
	})
}

// measurePosts measures the time until post has returned and all members have all broadcasts.
func (r *Run) measurePosts(name string, count int, b *broadcaster, list []*servers.Server, post func() error) error {
	var posted atomic.Pointer[error]
	u, err := r.measureUsage(func() error {
		go func() {
			err := post()
			posted.Store(&err)
		}()
		return b.loop.Run("emit from outside", time.Minute, func() bool {
			room, err := b.rooms[0], posted.Load()
			return err != nil && (*err != nil || room.members == 0 || room.flying == 0 || b.failure != nil)
		})
	}, list...)
	if err == nil {
		err = *posted.Load()
	}
	if err == nil {
		err = b.failure
	}
	if err != nil {
		return err
	}
	r.addResult(name, u.perOperation(count))
	return nil
}

func uniqueServers(a, b *servers.Server) []*servers.Server {
	if a == b {
		return []*servers.Server{a}
	}
	return []*servers.Server{a, b}
}

// buildBodies returns the bodies of the requests for count emits, a list for each sender.
func (f emitForm) buildBodies(b *broadcaster, r *room, count int) [][][]byte {
	bodies := make([][][]byte, b.senders)
	emits := make([][][]byte, b.senders)
	flush := func(sender uint64) {
		switch {
		case len(emits[sender]) == 0:
			return
		case f.name == "batch":
			bodies[sender] = append(bodies[sender], fmt.Appendf(nil, "[%s]", bytes.Join(emits[sender], []byte(","))))
		default:
			bodies[sender] = append(bodies[sender], bytes.Join(emits[sender], []byte("\n")))
		}
		emits[sender] = nil
	}
	for range count {
		sender := r.next % b.senders
		payload := b.nextPayload(r)
		if r.members == 0 {
			r.flying = 0
		}
		emits[sender] = append(emits[sender], fmt.Appendf(nil, `{"to":[%q],"event":"msg","args":[%q]}`, r.name, payload))
		if len(emits[sender]) == f.inRequest {
			flush(sender)
		}
	}
	for sender := range b.senders {
		flush(sender)
	}
	return bodies
}
