package redisadapter

import (
	"fmt"
	"maps"
	"slices"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// shardedSubscriber subscribes each channel at the server of a Redis Cluster that has its
// slot, or all of them at the only server. The goroutine of the session owns it, except
// for lost.
type shardedSubscriber struct {
	// Static after construction.
	conn      *connection
	dialect   *sharded
	session   *session
	isCluster bool
	lost      chan error // receives when a connection is lost; never closed

	// Owned by the session's goroutine.
	servers  map[string]*shardServer                // by address
	masters  []slotRange                            // of all slots, as one server reported at first
	moved    map[uint16]string                      // addresses of slots, as servers redirected since
	channels map[*namespace]map[string]*shardServer // subscribed, by namespace
	probed   bool                                   // the publishers
	synced   bool                                   // the last syncSubscriptions succeeded
}

// shardServer is the connection to one server.
type shardServer struct {
	client  rueidis.DedicatedClient
	release func()
}

// subscription is a channel to subscribe or to unsubscribe.
type subscription struct {
	namespace *namespace
	channel   string
	at        *shardServer // nil before it is known
}

// newSubscriber connects to the home server.
func (d *sharded) newSubscriber(s *session) (subscriber, error) {
	sub := &shardedSubscriber{
		conn: d.conn, dialect: d, session: s, isCluster: s.client.Mode() == rueidis.ClientModeCluster,
		servers: make(map[string]*shardServer), moved: make(map[uint16]string),
		channels: make(map[*namespace]map[string]*shardServer), lost: make(chan error, 1),
	}
	s.lost, s.wake = sub.lost, d.changes.wake
	d.changes.startHolding()
	if _, err := sub.connectServer(s.homeAddress); err != nil {
		sub.close()
		return nil, err
	}
	if sub.isCluster {
		sub.loadSlots()
	}
	return sub, nil
}

func (sub *shardedSubscriber) close() {
	sub.dialect.changes.stopHolding()
	for _, server := range sub.servers {
		server.client.Close()
		server.release()
	}
	sub.conn.routes.removeAll()
}

// keepsClient reports whether the last syncSubscriptions succeeded. If not, another
// client may find servers that are new.
func (sub *shardedSubscriber) keepsClient() bool { return sub.synced }

// connectServer returns the connection to a server.
func (sub *shardedSubscriber) connectServer(address string) (*shardServer, error) {
	if server := sub.servers[address]; server != nil {
		return server, nil
	}
	known := sub.session.client.Nodes()[address]
	if known == nil {
		return nil, fmt.Errorf("server %s is not known yet", address)
	}
	server := new(shardServer)
	server.client, server.release = known.Dedicate()
	sub.servers[address] = server
	hooks := rueidis.PubSubHooks{OnMessage: sub.conn.routeMessage}
	if sub.isCluster {
		hooks.OnSubscription = sub.dialect.changes.noteMoved
	}
	lost := server.client.SetPubSubHooks(hooks)
	sub.conn.startTask("watch connection", func() { // ends with the connection
		err := <-lost
		if err == nil {
			err = errConnectionLost
		}
		select {
		case sub.lost <- err:
		default:
		}
	})
	return server, nil
}

func (sub *shardedSubscriber) syncSubscriptions() error {
	sub.synced = false
	if err := sub.syncChannels(); err != nil {
		return err
	}
	sub.synced = true
	if !sub.probed {
		sub.conn.probePublishers(slices.Collect(maps.Values(sub.session.client.Nodes()))...)
		sub.probed = true
	}
	return nil
}

// syncChannels subscribes and unsubscribes the channels of namespaces and rooms.
func (sub *shardedSubscriber) syncChannels() error {
	c := sub.conn
	opened, closed, retry := c.takeUnsettled(sub.session)
	for _, ns := range retry {
		sub.dialect.checkRooms(ns) // Redis may have refused some
	}
	var former []subscription
	for _, ns := range closed {
		former = append(former, sub.allChannels(ns)...)
		delete(sub.channels, ns) // so that changes of its rooms make no difference
	}
	add, remove := sub.changedChannels()
	if err := sub.unsubscribeChannels(append(former, remove...)); err != nil {
		return err
	}
	if len(closed) > 0 {
		c.markUnsubscribed(sub.session, closed...)
	}
	fixed := make([]subscription, 0, 2*len(opened))
	for _, ns := range opened {
		sub.channels[ns] = make(map[string]*shardServer)
		fixed = append(fixed, subscription{namespace: ns, channel: ns.names.emits}, subscription{namespace: ns, channel: ns.names.ownReplies})
	}
	for _, ns := range opened {
		add = append(add, sub.missingRooms(ns)...)
	}
	// The channel that counts nodes comes last: other nodes publish when it is there.
	if err := sub.subscribeRooms(add); err != nil {
		return err
	}
	refusals, err := sub.subscribeChannels(fixed)
	if err != nil {
		return err
	}
	return sub.settleNamespaces(opened, refusals)
}

// settleNamespaces notes which new namespaces are subscribed, and which ones Redis
// refused.
func (sub *shardedSubscriber) settleNamespaces(opened []*namespace, refusals map[*namespace]error) error {
	c := sub.conn
	for _, ns := range opened {
		refusal := refusals[ns]
		if refusal != nil {
			c.log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ns.id.name),
				zap.String("channel", ns.names.emits), zap.Error(refusal))
			if err := sub.unsubscribeChannels(sub.allChannels(ns)); err != nil { // one of its channels may be subscribed
				return err
			}
			delete(sub.channels, ns)
		}
	}
	for _, ns := range opened {
		c.markSubscribed(sub.session, refusals[ns], ns)
	}
	return nil
}

// changedChannels returns the channels of rooms that came and went, and of slots that
// moved.
func (sub *shardedSubscriber) changedChannels() (add, remove []subscription) {
	rooms, namespaces, moved := sub.dialect.changes.takeChanges()
	for _, channel := range moved {
		ns := sub.conn.routes.findTarget(channel).namespace
		if ns == nil || sub.channels[ns][channel] == nil {
			continue
		}
		delete(sub.channels[ns], channel)
		if channel == ns.names.emits || channel == ns.names.ownReplies {
			add = append(add, subscription{namespace: ns, channel: channel})
		} else { // which may have gone meanwhile
			rooms[roomKey{ns, ns.names.roomOf(channel)}] = struct{}{}
		}
	}
	for ns := range namespaces {
		if sub.channels[ns] == nil {
			continue // not subscribed yet, or closed
		}
		add = append(add, sub.missingRooms(ns)...)
		for channel := range sub.channels[ns] {
			if channel != ns.names.emits && channel != ns.names.ownReplies {
				rooms[roomKey{ns, ns.names.roomOf(channel)}] = struct{}{}
			}
		}
	}
	for key := range rooms {
		ns, channel := key.namespace, key.namespace.names.roomChannel(key.room)
		channels := sub.channels[ns]
		at, known := channels[channel]
		switch needed := ns.needsRoom(key.room); {
		case channels == nil || channel == ns.names.ownReplies || needed == known:
		case needed:
			add = append(add, subscription{namespace: ns, channel: channel})
		default:
			remove = append(remove, subscription{ns, channel, at})
		}
	}
	return add, remove
}

// allChannels returns the subscribed channels of a namespace.
func (sub *shardedSubscriber) allChannels(ns *namespace) (list []subscription) {
	for channel, at := range sub.channels[ns] {
		list = append(list, subscription{ns, channel, at})
	}
	return list
}

// missingRooms returns the channels of a namespace's rooms that are not subscribed.
func (sub *shardedSubscriber) missingRooms(ns *namespace) (list []subscription) {
	for _, room := range ns.neededRooms(sub.dialect.mode) {
		channel := ns.names.roomChannel(room)
		if _, known := sub.channels[ns][channel]; !known && channel != ns.names.ownReplies {
			list = append(list, subscription{namespace: ns, channel: channel})
		}
	}
	return list
}
