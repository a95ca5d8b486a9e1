package redisadapter

import (
	"context"
	"errors"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// maxRedirects bounds how often servers may redirect a subscription. A cluster that moves
// slots needs a few.
const maxRedirects = 8

// unsubscribeChannels unsubscribes channels.
func (sub *shardedSubscriber) unsubscribeChannels(list []subscription) error {
	for at, part := range groupByServer(list) {
		for chunk := range slices.Chunk(part, subscribeChunk) {
			commands := make(rueidis.Commands, len(chunk))
			for i, one := range chunk {
				delete(sub.channels[one.namespace], one.channel)
				sub.conn.routes.removeChannel(one.channel)
				commands[i] = at.client.B().Sunsubscribe().Channel(one.channel).Build()
			}
			results, cancel := sub.sendTo(at, commands)
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

func groupByServer(list []subscription) map[*shardServer][]subscription {
	parts := make(map[*shardServer][]subscription)
	for _, one := range list {
		parts[one.at] = append(parts[one.at], one)
	}
	return parts
}

// sendTo sends commands to a server. The results are valid until cancel is called.
func (sub *shardedSubscriber) sendTo(at *shardServer, commands rueidis.Commands) (results []rueidis.RedisResult, cancel context.CancelFunc) {
	ctx, cancel := context.WithTimeout(sub.conn.ctx, redisconn.CommandTimeout)
	return at.client.DoMulti(ctx, commands...), cancel
}

// subscribeRooms subscribes the channels of rooms. Refused ones are retried later.
func (sub *shardedSubscriber) subscribeRooms(list []subscription) error {
	refusals, err := sub.subscribeChannels(list)
	if len(refusals) > 0 {
		sub.conn.scheduleRetry(sub.session)
	}
	for ns, refusal := range refusals {
		sub.conn.warnDropped("rooms are not shared: Redis refuses to subscribe", zap.String("namespace", ns.id.name), zap.Error(refusal))
	}
	return err
}

// subscribeChannels subscribes channels, and returns the namespaces of which Redis
// refused some.
func (sub *shardedSubscriber) subscribeChannels(list []subscription) (refusals map[*namespace]error, err error) {
	refusals = make(map[*namespace]error)
	for range maxRedirects {
		if len(list) == 0 {
			return refusals, nil
		}
		if err := sub.assignServers(list); err != nil {
			return nil, err
		}
		var again []subscription
		for at, part := range groupByServer(list) {
			for chunk := range slices.Chunk(part, subscribeChunk) {
				moved, err := sub.subscribeAt(at, chunk, refusals)
				if err != nil {
					return nil, err
				}
				again = append(again, moved...)
			}
		}
		list = again
	}
	return nil, errors.New("servers of the Redis Cluster do not agree on the server of a slot")
}

// assignServers sets the server of each subscription.
func (sub *shardedSubscriber) assignServers(list []subscription) (err error) {
	for i := range list {
		address := sub.session.homeAddress
		if sub.isCluster {
			address = sub.masterAddress(sub.slotOf(list[i].channel))
		}
		if list[i].at, err = sub.connectServer(address); err != nil {
			return err
		}
	}
	return nil
}

// subscribeAt subscribes channels at a server, and returns the ones that it redirects to
// another server.
func (sub *shardedSubscriber) subscribeAt(at *shardServer, list []subscription, refusals map[*namespace]error) (moved []subscription, err error) {
	commands := make(rueidis.Commands, len(list))
	for i, one := range list {
		kind := shardedDelivery
		if one.channel == one.namespace.names.ownReplies {
			kind = replyDelivery
		}
		sub.conn.routes.addChannel(one.channel, routeTarget{one.namespace, kind})
		commands[i] = at.client.B().Ssubscribe().Channel(one.channel).Build()
	}
	results, cancel := sub.sendTo(at, commands)
	defer cancel()
	for i, one := range list {
		refusal, isRefusal := rueidis.IsRedisErr(results[i].Error())
		switch {
		case results[i].Error() == nil:
			sub.channels[one.namespace][one.channel] = at
		case !isRefusal || refusal.IsClusterDown() || refusal.IsLoading() || refusal.IsTryAgain():
			return nil, results[i].Error()
		default:
			if address, ok := refusal.IsMoved(); ok {
				sub.moved[sub.slotOf(one.channel)] = address
				moved = append(moved, one)
				continue
			}
			sub.conn.routes.removeChannel(one.channel)
			refusals[one.namespace] = refusal
		}
	}
	return moved, nil
}
