package redis

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/redis/rueidis"
)

// sharded is the dialect of createShardedAdapter. It says which rooms have a
// channel of their own, by the name that Node's option subscriptionMode has for it.
type sharded string

const (
	// static has one channel for all rooms.
	static sharded = "static"
	// dynamic has one for each room but those of sockets' own ids.
	dynamic sharded = "dynamic"
	// dynamicPrivate has one for each room.
	dynamicPrivate sharded = "dynamic-private"
)

func (mode sharded) valid() bool { return mode == static || mode == dynamic || mode == dynamicPrivate }

// names returns the same channel for all but what is for one server.
func (sharded) names(key, namespace, uid string) names {
	main := key + "#" + namespace + "#"
	return names{broadcast: main, pattern: main, request: main, response: main, own: main + uid + "#"}
}

// ownChannel reports whether a room has a channel of its own. Node's servers take
// whatever has 20 characters for the id of a socket, and so do all that publish.
func (mode sharded) ownChannel(room string) bool {
	switch mode {
	case dynamic:
		return !looksLikeID(room)
	case dynamicPrivate:
		return true
	}
	return false
}

// looksLikeID reports whether text has 20 characters, as JavaScript counts them.
func looksLikeID(text string) bool {
	if len(text) < 20 || len(text) > 60 {
		return false
	}
	units := 0
	for _, r := range text {
		if units++; r > 0xffff {
			units++
		}
	}
	return units == 20 && utf8.ValidString(text)
}

// roomChannel returns the channel of a room.
func (n *names) roomChannel(room string) string { return n.broadcast + room + "#" }

// roomOf is the reverse of roomChannel.
func (n *names) roomOf(channel string) string {
	return strings.TrimSuffix(strings.TrimPrefix(channel, n.broadcast), "#")
}

// id returns 16 hexadecimal digits.
func (sharded) id() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (mode sharded) op(ln *line, op cluster.Op) (m outgoing, err error) {
	m.channel = ln.names.broadcast
	switch op := op.(type) {
	case cluster.Emit:
		if len(op.In) == 1 && mode.ownChannel(op.In[0]) {
			m.channel = ln.names.roomChannel(op.In[0])
		}
		m.payload, err = ln.shardEmit(&op, "", 0)
	case cluster.Join:
		m.payload, err = ln.shardRooms(shardJoin, op.Target, op.Rooms)
	case cluster.Leave:
		m.payload, err = ln.shardRooms(shardLeave, op.Target, op.Rooms)
	case cluster.Disconnect:
		m.payload, err = ln.shardObject(shardDisconnect, struct {
			Opts  shardOpts `json:"opts"`
			Close bool      `json:"close"`
		}{newShardOpts(op.Target), op.Close})
	case cluster.ServerEmit:
		m.payload, err = ln.shardServerEmit("", op.Data)
	default:
		err = fmt.Errorf("redis: operation %T has no message", op)
	}
	return m, err
}

// question asks for sockets to learn about rooms: what rooms there are follows from
// who is in them, and Node's servers are asked nothing else.
func (sharded) question(ln *line, id string, q cluster.Query, timeout int64) ([]byte, error) {
	switch q := q.(type) {
	case cluster.AllRooms:
		return ln.shardFetch(id, cluster.FetchSockets{})
	case cluster.FetchSockets:
		return ln.shardFetch(id, q)
	case cluster.ServerEmitAck:
		return ln.shardServerEmit(id, q.Data)
	case cluster.EmitAck:
		return ln.shardEmit(&q.Emit, id, timeout)
	}
	return nil, fmt.Errorf("redis: question %T has no message", q)
}

func (sharded) answer(ln *line, id string, answer cluster.Answer) ([]byte, error) {
	switch answer := answer.(type) {
	case cluster.Sockets:
		return ln.shardObject(shardSockets, struct {
			RequestID string           `json:"requestId"`
			Sockets   []cluster.Socket `json:"sockets"`
		}{id, presentable(answer)})
	case cluster.ClientCount:
		return ln.shardObject(shardClientCount, struct {
			RequestID   string `json:"requestId"`
			ClientCount int    `json:"clientCount"`
		}{id, int(answer)})
	case cluster.ClientAck: // of which Node's servers pass on the first argument
		first, _ := answer.Data.Index(0)
		return ln.shardPacket(shardClientAck, id, first)
	case cluster.ServerAck:
		return ln.shardPacket(shardServerAck, id, answer.Data)
	}
	return nil, fmt.Errorf("redis: answer %T has no message", answer)
}

func (sharded) responseID(message string) string { return shardResponseID(message) }

func (sharded) readAnswer(q cluster.Query, message string) (cluster.Answer, error) {
	m, err := decodeShard(message)
	if err != nil {
		return nil, err
	}
	switch q.(type) {
	case cluster.FetchSockets:
		if m.typ == shardSockets {
			return m.sockets(), nil
		}
	case cluster.AllRooms:
		if m.typ == shardSockets {
			return m.rooms(), nil
		}
	case cluster.ServerEmitAck:
		if m.typ == shardServerAck {
			return cluster.ServerAck{Data: m.packet()}, nil
		}
	case cluster.EmitAck:
		switch {
		case m.typ == shardClientCount && m.ClientCount != nil && *m.ClientCount >= 0:
			return cluster.ClientCount(*m.ClientCount), nil
		case m.typ == shardClientAck && m.Packet != nil:
			return cluster.ClientAck{Data: sio.Array(m.packet())}, nil
		case m.typ == shardClientAck:
			return cluster.ClientAck{Data: sio.Array()}, nil
		}
	}
	return nil, fmt.Errorf("%w: a response of type %d", errMalformed, m.typ)
}

// publish leaves it to the client to find which server of a Redis Cluster has the
// channel.
func (sharded) publish(s *session, m *outgoing) rueidis.Completed {
	return s.client.B().Spublish().Channel(m.channel).Message(rueidis.BinaryString(m.payload)).Build()
}

func (sharded) count(b rueidis.Builder, channel string) rueidis.Completed {
	return b.PubsubShardnumsub().Channel(channel).Build()
}
