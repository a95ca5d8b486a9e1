package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// adapters are the options of the adapters, after the directive "cluster". REDIS stands for the
// URL, and OPTIONS for options of all adapters.
var adapters = map[string]string{
	"redis":         "redis REDIS {\nOPTIONS\n}",
	"sharded":       "redis REDIS {\nsharded dynamic\nkey sharded\nOPTIONS\n}",
	"redis_streams": "redis_streams REDIS {\nOPTIONS\n}",
}

// pair is a cluster of two Caddys with an adapter. Every client is in the room "lobby", and the
// rule "say" of a node emits "from0" or "from1" to the room.
type pair struct {
	t       *testing.T
	adapter string
	nodes   [2]*process
	senders [2]*client
	clients [2][]*client // the clients of each node, senders included
	sent    [2]int       // the number of events of each sender
	lost    [2]int       // events of each node that the other node's clients lack so far
	dropped [2]int       // messages that each node counts as dropped so far
}

// startPairs starts a pair for each adapter, at the same time.
func startPairs(t *testing.T, url, options string) (pairs []*pair) {
	t.Helper()
	var starts sync.WaitGroup
	for _, adapter := range slices.Sorted(mapKeys(adapters)) {
		c := &pair{t: t, adapter: adapter}
		pairs = append(pairs, c)
		cluster := strings.NewReplacer("REDIS", url, "OPTIONS", options).Replace(adapters[adapter])
		for i := range c.nodes {
			site := strings.ReplaceAll(lobby, "said", fmt.Sprint("from", i))
			starts.Go(func() {
				c.nodes[i] = startCaddy(t, setup{global: "socketio {\ncluster " + cluster + "\n}", site: site})
			})
		}
	}
	starts.Wait()
	for _, c := range pairs {
		for i, p := range c.nodes {
			c.senders[i] = p.connectClient(t, clientOptions{name: fmt.Sprint(c.adapter, " sender ", i)})
			poller := p.connectClient(t, clientOptions{name: fmt.Sprint(c.adapter, " poller ", i), transport: "polling", revision: 3})
			c.clients[i] = []*client{c.senders[i], poller}
		}
		c.awaitJoined()
		for _, p := range c.nodes { // the node counts the others for that, and waits for as many after an outage
			if _, body := p.requestAdmin(t, "GET", "/socketio/sockets", "", ""); strings.Count(body, `"id"`) != 4 {
				t.Fatalf("%s: sockets: %s", c.adapter, body)
			}
		}
	}
	return pairs
}

// mapKeys returns the keys of a map.
func mapKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// eventName returns the name of the events that a node's sender causes.
func eventName(node int) string { return fmt.Sprint("from", node) }

// sendEvents emits events on both nodes. The acknowledgements and the clients of the same node
// do not wait for Redis.
func (c *pair) sendEvents(count int) {
	c.t.Helper()
	for i, sender := range c.senders {
		for range count {
			sender.mustEmit(c.t, fmt.Sprintf("[%d]", c.sent[i]), "say", c.sent[i])
			c.sent[i]++
		}
		wantEventsNamed(c.t, eventName(i), c.sentEvents(i), c.clients[i]...)
	}
}

// sentEvents returns the records of all events that a node's sender has caused.
func (c *pair) sentEvents(node int) []string {
	return numberedEvents(eventName(node), 0, c.sent[node]-1)
}

// awaitJoined emits until events of each node reach all clients of the other. Nothing is on its
// way then.
func (c *pair) awaitJoined() {
	c.t.Helper()
	for i, sender := range c.senders {
		first := c.sent[i]
		for _, remote := range c.clients[1-i] {
			awaitTrue(c.t, func() string { return remote.name + " receives no event of the other node" }, func() bool {
				sender.mustEmit(c.t, fmt.Sprintf("[%d]", c.sent[i]), "say", c.sent[i])
				c.sent[i]++
				return remote.hasSince(eventName(i), first)
			})
			last := c.sentEvents(i)[c.sent[i]-1]
			remote.awaitRecords(c.t, "event "+last, func() bool { return slices.Contains(remote.events, last) })
		}
	}
}

// hasSince reports whether the client has received an event with this number or a later one.
func (c *client) hasSince(name string, number int) bool {
	last := 0
	for _, event := range selectEvents(c.readEvents(), name) {
		_, _ = fmt.Sscanf(event, `["`+name+`",%d]`, &last)
	}
	return last >= number
}

// awaitLinks waits until the links of both nodes to Redis are up, or down.
func (c *pair) awaitLinks(up float64) {
	c.t.Helper()
	for _, p := range c.nodes {
		p.awaitMetric(c.t, "caddy_socketio_cluster_connected", "", func(now float64) bool { return now == up })
	}
}

// awaitDropped waits until both nodes have counted so many further messages as dropped.
func (c *pair) awaitDropped(count int) {
	c.t.Helper()
	for i, p := range c.nodes {
		p.awaitMetric(c.t, "caddy_socketio_cluster_dropped_total", "", func(now float64) bool { return int(now) >= c.dropped[i]+count })
	}
}

// compareClients compares the records of every client with the events that it should have. All
// clients of a node have the same ones. lost is how many events of each node the clients of the
// other lack, and dropped is how many messages the node counts as dropped, since the last call.
func (c *pair) compareClients() (lost, dropped [2]int) {
	c.t.Helper()
	for i, p := range c.nodes {
		want := c.sentEvents(i)
		wantEventsNamed(c.t, eventName(i), want, c.clients[i]...)
		wantLife(c.t, []string{"connect"}, c.clients[i]...)
		first := selectEvents(c.clients[1-i][0].readEvents(), eventName(i))
		for _, remote := range c.clients[1-i] {
			lost[i] = wantSomeEvents(c.t, eventName(i), want, remote)
			if difference := compareLists(selectEvents(remote.readEvents(), eventName(i)), first); difference != "" {
				c.t.Errorf("%s and %s differ: %s", remote.name, c.clients[1-i][0].name, difference)
			}
		}
		dropped[i] = int(p.readMetric(c.t, "caddy_socketio_cluster_dropped_total", ""))
		if lost[i] > dropped[i] {
			c.t.Errorf("%s: clients lack %d events of node %d, and only %d messages are counted as dropped", c.adapter, lost[i], i, dropped[i])
		}
		lost[i], c.lost[i] = lost[i]-c.lost[i], lost[i]
		dropped[i], c.dropped[i] = dropped[i]-c.dropped[i], dropped[i]
	}
	return lost, dropped
}
