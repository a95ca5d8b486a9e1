package redis

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// unsubscribe gives channels up.
func (sh *shards) unsubscribe(list []subscription) error {
	for at, part := range byServer(list) {
		for chunk := range slices.Chunk(part, 256) {
			commands := make(rueidis.Commands, len(chunk))
			for i, sub := range chunk {
				delete(sh.subs[sub.line], sub.channel)
				sh.link.routes.forget(sub.channel)
				commands[i] = at.client.B().Sunsubscribe().Channel(sub.channel).Build()
			}
			results, cancel := sh.do(at, commands)
			cancel()
			for _, result := range results {
				if err := result.NonRedisError(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func byServer(list []subscription) map[*shard][]subscription {
	parts := make(map[*shard][]subscription)
	for _, sub := range list {
		parts[sub.at] = append(parts[sub.at], sub)
	}
	return parts
}

func (sh *shards) do(at *shard, commands rueidis.Commands) ([]rueidis.RedisResult, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(sh.link.Context(), redisconn.CommandTimeout)
	return at.client.DoMulti(ctx, commands...), cancel
}

// subscribeRooms subscribes to channels of rooms. What Redis refuses is left out for
// now.
func (sh *shards) subscribeRooms(home string, list []subscription) error {
	refusals, err := sh.subscribe(home, list)
	if len(refusals) > 0 {
		sh.link.TryLater(sh.session)
	}
	for ln, refusal := range refusals {
		sh.link.Complain("rooms are not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace), zap.Error(refusal))
	}
	return err
}

// subscribe subscribes to channels, and returns of which lines Redis refused some.
func (sh *shards) subscribe(home string, list []subscription) (refusals map[*line]error, err error) {
	refusals = make(map[*line]error)
	for range maxRedirects {
		if len(list) == 0 {
			return refusals, nil
		}
		if list, err = sh.locate(home, list); err != nil {
			return nil, err
		}
		var again []subscription
		for at, part := range byServer(list) {
			for chunk := range slices.Chunk(part, 256) {
				moved, err := sh.subscribeAt(at, chunk, refusals)
				if err != nil {
					return nil, err
				}
				again = append(again, moved...)
			}
		}
		list = again
	}
	return nil, errors.New("servers of the Redis Cluster do not agree on who has a slot")
}

// locate says for each subscription at which server it is to be.
func (sh *shards) locate(home string, list []subscription) ([]subscription, error) {
	for i := range list {
		address := home
		if sh.cluster {
			address = sh.master(sh.slot(list[i].channel), home)
		}
		var err error
		if list[i].at, err = sh.server(address); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// slotRange is the server that has slots.
type slotRange struct {
	from, to int64
	address  string
}

// learn asks a server of a Redis Cluster where slots are. It could be done without,
// but replicas let subscribe, too, and are not counted by everybody.
func (sh *shards) learn(home redislink.Node) {
	ctx, cancel := context.WithTimeout(sh.link.Context(), redisconn.CommandTimeout)
	defer cancel()
	ranges, err := home.Client.Do(ctx, home.Client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return
	}
	known := sh.session.Client.Nodes()
	for _, r := range ranges {
		parts, _ := r.ToArray()
		if len(parts) < 3 {
			continue
		}
		from, _ := parts[0].AsInt64()
		to, _ := parts[1].AsInt64()
		node, _ := parts[2].ToArray()
		if len(node) < 2 {
			continue
		}
		host, _ := node[0].ToString()
		port, _ := node[1].AsInt64()
		if host == "" || host == "?" { // the one that was asked
			host, _, _ = net.SplitHostPort(home.Address)
		}
		if address := net.JoinHostPort(host, strconv.FormatInt(port, 10)); known[address] != nil {
			sh.masters = append(sh.masters, slotRange{from, to, address})
		}
	}
}

// master returns which server has a slot, as far as that is known.
func (sh *shards) master(slot uint16, home string) string {
	if address, ok := sh.slots[slot]; ok {
		return address
	}
	for _, r := range sh.masters {
		if r.from <= int64(slot) && int64(slot) <= r.to {
			return r.address
		}
	}
	return home
}

// slot returns the slot of a channel.
func (sh *shards) slot(channel string) uint16 {
	command := sh.session.Client.B().Ssubscribe().Channel(channel).Build()
	return command.Slot()
}

// subscribeAt subscribes to channels at a server, and returns those that it says
// are at another.
func (sh *shards) subscribeAt(at *shard, list []subscription, refusals map[*line]error) (moved []subscription, err error) {
	commands := make(rueidis.Commands, len(list))
	for i, sub := range list {
		sh.link.routes.put(sub.line, sub.channel)
		commands[i] = at.client.B().Ssubscribe().Channel(sub.channel).Build()
	}
	results, cancel := sh.do(at, commands)
	defer cancel()
	for i, sub := range list {
		refusal, isRefusal := rueidis.IsRedisErr(results[i].Error())
		switch {
		case results[i].Error() == nil:
			sh.subs[sub.line][sub.channel] = at
		case !isRefusal || refusal.IsClusterDown() || refusal.IsLoading() || refusal.IsTryAgain():
			return nil, results[i].Error()
		default:
			if address, ok := refusal.IsMoved(); ok {
				sh.slots[sh.slot(sub.channel)] = address
				moved = append(moved, sub)
				continue
			}
			sh.link.routes.forget(sub.channel)
			refusals[sub.line] = refusal
		}
	}
	return moved, nil
}
