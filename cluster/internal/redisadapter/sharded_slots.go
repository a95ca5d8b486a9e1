package redisadapter

import (
	"context"
	"net"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
)

// slotRange is a range of slots and the address of the server that has them.
type slotRange struct {
	from, to int64
	address  string
}

// loadSlots requests the servers of all slots from the home server of a Redis Cluster.
// Redirections would be enough, but replicas accept subscriptions, too, and their
// subscribers are not counted by all nodes.
func (sub *shardedSubscriber) loadSlots() {
	ctx, cancel := context.WithTimeout(sub.conn.ctx, redisconn.CommandTimeout)
	defer cancel()
	home := sub.session.home
	ranges, err := home.Do(ctx, home.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return
	}
	known := sub.session.client.Nodes()
	for _, r := range ranges {
		parts, _ := r.ToArray()
		if len(parts) < 3 {
			continue
		}
		from, _ := parts[0].AsInt64()
		to, _ := parts[1].AsInt64()
		server, _ := parts[2].ToArray()
		if len(server) < 2 {
			continue
		}
		host, _ := server[0].ToString()
		port, _ := server[1].AsInt64()
		if host == "" || host == "?" { // the home server
			host, _, _ = net.SplitHostPort(sub.session.homeAddress)
		}
		if address := net.JoinHostPort(host, strconv.FormatInt(port, 10)); known[address] != nil {
			sub.masters = append(sub.masters, slotRange{from, to, address})
		}
	}
}

// masterAddress returns the server that has a slot; the home server if it is not known.
func (sub *shardedSubscriber) masterAddress(slot uint16) string {
	if address, ok := sub.moved[slot]; ok {
		return address
	}
	for _, r := range sub.masters {
		if r.from <= int64(slot) && int64(slot) <= r.to {
			return r.address
		}
	}
	return sub.session.homeAddress
}

// slotOf returns the slot of a channel.
func (sub *shardedSubscriber) slotOf(channel string) uint16 {
	command := sub.session.client.B().Ssubscribe().Channel(channel).Build()
	return command.Slot()
}
