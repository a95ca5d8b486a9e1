package redis

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// shards are the subscriptions of a session that speaks the sharded dialect: each
// channel at the server of a Redis Cluster that has its slot, or all at the only
// one. But for lost, it belongs to the goroutine of the session.
type shards struct {
	link    *link
	session *session
	mode    sharded
	cluster bool
	servers map[string]*shard           // by address
	masters []slotRange                 // where slots are, as one server said at first
	slots   map[uint16]string           // where servers said since that slots are
	subs    map[*line]map[string]*shard // channels subscribed to
	lost    chan error                  // a connection is
}

// shard is the connection to one server.
type shard struct {
	client  rueidis.DedicatedClient
	release func()
}

// subscription is a channel to subscribe to or to unsubscribe from.
type subscription struct {
	line    *line
	channel string
	at      *shard // where it is, when there is one
}

// maxRedirects bounds how often servers may point to others. A cluster that moves
// slots needs a few.
const maxRedirects = 8

// serveSharded subscribes, and keeps the subscriptions those of the lines and their
// rooms, until a connection is lost. It reports whether it got that far.
func (l *link) serveSharded(client rueidis.Client, mode sharded) (lived bool, err error) {
	home, err := redislink.AnyNode(client)
	if err != nil {
		return false, err
	}
	sh := &shards{
		link: l, session: redislink.NewSession[*line](client, home), mode: mode, cluster: client.Mode() == rueidis.ClientModeCluster,
		servers: make(map[string]*shard), slots: make(map[uint16]string),
		subs: make(map[*line]map[string]*shard), lost: make(chan error, 1),
	}
	defer sh.close()
	l.rooms.begin()
	defer l.rooms.end()
	if _, err := sh.server(home.Address); err != nil {
		return false, err
	}
	if sh.cluster {
		sh.learn(home)
	}
	probed, settled := false, false
	err = l.Live(sh.session, func() error {
		settled = false // perhaps another client finds servers that are new
		if err := sh.settle(home.Address); err != nil {
			return err
		}
		settled = true
		if !probed {
			l.probe(slices.Collect(maps.Values(client.Nodes()))...)
			probed = true
		}
		return nil
	}, sh.lost, l.rooms.wake)
	return settled, err
}

// close ends the connections.
func (sh *shards) close() {
	for _, server := range sh.servers {
		server.client.Close()
		server.release()
	}
	sh.link.routes.clear()
}

// server returns the connection to a server.
func (sh *shards) server(address string) (*shard, error) {
	if s := sh.servers[address]; s != nil {
		return s, nil
	}
	node := sh.session.Client.Nodes()[address]
	if node == nil {
		return nil, fmt.Errorf("server %s is not known yet", address)
	}
	s := new(shard)
	s.client, s.release = node.Dedicate()
	sh.servers[address] = s
	hooks := rueidis.PubSubHooks{OnMessage: sh.link.receive}
	if sh.cluster {
		hooks.OnSubscription = sh.link.rooms.notice
	}
	lost := s.client.SetPubSubHooks(hooks)
	sh.link.Spawn("watch connection", func() { // ends with the connection
		err := <-lost
		if err == nil {
			err = redislink.ErrLost
		}
		select {
		case sh.lost <- err:
		default:
		}
	})
	return s, nil
}

// notice takes note of channels that Redis takes away since their slot has moved.
// Those that this server gave up itself are noticed, too, and make no difference.
func (q *roomQueue) notice(s rueidis.PubSubSubscription) {
	if s.Kind == "sunsubscribe" {
		q.change(func() { q.moved = append(q.moved, s.Channel) })
	}
}

// settle makes the subscriptions those that are wanted. Redis has confirmed them
// when it returns. What is not known about a slot, the home server is asked.
func (sh *shards) settle(home string) error {
	l := sh.link
	come, gone, again := l.Pending(sh.session)
	for _, ln := range again {
		l.rooms.look(ln) // Redis may have refused some
	}
	var former []subscription
	for _, ln := range gone {
		former = append(former, sh.all(ln)...)
		delete(sh.subs, ln) // so that no change of its rooms matters any more
	}
	add, remove := sh.changes()
	if err := sh.unsubscribe(append(former, remove...)); err != nil {
		return err
	}
	if len(gone) > 0 {
		l.Gone(sh.session, gone)
	}
	fixed := make([]subscription, 0, 2*len(come))
	for _, ln := range come {
		sh.subs[ln] = make(map[string]*shard)
		fixed = append(fixed, subscription{line: ln, channel: ln.names.broadcast}, subscription{line: ln, channel: ln.names.own})
	}
	for _, ln := range come {
		add = append(add, sh.missing(ln)...)
	}
	// The channel that counts nodes comes last: other nodes publish when it is there.
	if err := sh.subscribeRooms(home, add); err != nil {
		return err
	}
	refusals, err := sh.subscribe(home, fixed)
	if err != nil {
		return err
	}
	return sh.arrive(come, refusals)
}

// arrive notes what became of lines that have come.
func (sh *shards) arrive(come []*line, refusals map[*line]error) error {
	l := sh.link
	for _, ln := range come {
		refusal := refusals[ln]
		if refusal != nil {
			l.Log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace),
				zap.String("channel", ln.names.broadcast), zap.Error(refusal))
			if err := sh.unsubscribe(sh.all(ln)); err != nil { // half of it may have been done
				return err
			}
			delete(sh.subs, ln)
		}
	}
	for _, ln := range come {
		l.Settled(sh.session, []*line{ln}, refusals[ln])
	}
	return nil
}

// changes returns the channels of rooms that have come and gone, and those that
// have moved.
func (sh *shards) changes() (add, remove []subscription) {
	rooms, lines, moved := sh.link.rooms.take()
	for _, channel := range moved {
		ln := sh.link.routes.find(channel).line
		if ln == nil || sh.subs[ln][channel] == nil {
			continue
		}
		delete(sh.subs[ln], channel)
		if channel == ln.names.broadcast || channel == ln.names.own {
			add = append(add, subscription{line: ln, channel: channel})
		} else { // which may be over meanwhile
			rooms[roomKey{ln, ln.names.roomOf(channel)}] = struct{}{}
		}
	}
	for ln := range lines {
		if sh.subs[ln] == nil {
			continue // its time has not come, or is over
		}
		add = append(add, sh.missing(ln)...)
		for channel := range sh.subs[ln] {
			if channel != ln.names.broadcast && channel != ln.names.own {
				rooms[roomKey{ln, ln.names.roomOf(channel)}] = struct{}{}
			}
		}
	}
	for key := range rooms {
		ln, channel := key.line, key.line.names.roomChannel(key.room)
		subs := sh.subs[ln]
		at, known := subs[channel]
		switch wants := ln.wants(key.room); {
		case subs == nil || channel == ln.names.own || wants == known:
		case wants:
			add = append(add, subscription{line: ln, channel: channel})
		default:
			remove = append(remove, subscription{ln, channel, at})
		}
	}
	return add, remove
}

// all returns the subscriptions of a line.
func (sh *shards) all(ln *line) (list []subscription) {
	for channel, at := range sh.subs[ln] {
		list = append(list, subscription{ln, channel, at})
	}
	return list
}

// missing returns the channels of rooms that a line is not subscribed to.
func (sh *shards) missing(ln *line) (list []subscription) {
	for _, room := range ln.wanted(sh.mode) {
		channel := ln.names.roomChannel(room)
		if _, known := sh.subs[ln][channel]; !known && channel != ln.names.own {
			list = append(list, subscription{line: ln, channel: channel})
		}
	}
	return list
}
