package redis

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
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

func (mode sharded) op(ln *line, op cluster.Operation) (m outgoing, err error) {
	m.channel = ln.names.broadcast
	if pointless(op) {
		return m, nil
	}
	if emit, ok := op.(cluster.Emit); ok && len(emit.In) == 1 && mode.ownChannel(emit.In[0]) {
		m.channel = ln.names.roomChannel(emit.In[0])
	}
	m.payload, err = ln.shardMessage(peer.EncodeOperation(op))
	return m, err
}

func (sharded) question(ln *line, id string, q cluster.Request, timeout int64) ([]byte, error) {
	return ln.shardMessage(peer.EncodeRequest(id, q, timeout))
}

func (sharded) answer(ln *line, id string, answer cluster.Reply) ([]byte, error) {
	return ln.shardMessage(peer.EncodeReply(id, answer))
}

func (sharded) responseID(message string) string { return shardResponseID(message) }

func (sharded) readAnswer(q cluster.Request, message string) (cluster.Reply, error) {
	m, err := decodeShard(message)
	if err != nil {
		return nil, err
	}
	answer, ok := m.ReplyTo(q)
	if !ok {
		return nil, fmt.Errorf("%w: a response of type %d", peer.ErrMalformed, m.Type)
	}
	return answer, nil
}

// publish leaves it to the client to find which server of a Redis Cluster has the
// channel.
func (sharded) publish(s *session, m *outgoing) rueidis.Completed {
	return s.Client.B().Spublish().Channel(m.channel).Message(rueidis.BinaryString(m.payload)).Build()
}

func (sharded) count(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubShardnumsub().Channel(channels...).Build()
}
