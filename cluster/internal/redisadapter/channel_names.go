package redisadapter

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// channelNames are the channels of one namespace.
type channelNames struct {
	emits      string // of emits; the name of a room and # may follow
	pattern    string // of that channel and the channels of rooms; classic only
	requests   string // of requests; every node subscribes to it, which counts them
	replies    string // of replies to all nodes; classic only
	ownReplies string // of replies to this node
}

// newClassicNames returns the channels for a key, a namespace and the uid of a node.
func newClassicNames(key, namespace, uid string) channelNames {
	n := channelNames{
		emits:    key + "#" + namespace + "#",
		requests: key + "-request#" + namespace + "#",
		replies:  key + "-response#" + namespace + "#",
	}
	// Node.js does not escape the pattern, and does not receive emits to a namespace /[x].
	n.pattern = globEscaper.Replace(n.emits) + "*"
	n.ownReplies = n.repliesTo(uid)
	return n
}

// repliesTo returns the channel of replies to one node. Adapters before version 7.1 do
// not subscribe to theirs.
func (n *channelNames) repliesTo(uid string) string { return n.replies + uid + "#" }

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// parseRoom returns the room that a channel belongs to; "" for the common channel. It
// returns false for a channel that Node.js's adapters ignore, too.
func (n *channelNames) parseRoom(channel string) (room string, ok bool) {
	rest, ok := strings.CutPrefix(channel, n.emits)
	if !ok || rest == "" {
		return "", ok
	}
	return strings.CutSuffix(rest, "#")
}

// emitChannel returns the channel that an emit is published on.
func (n *channelNames) emitChannel(op *cluster.Emit) string {
	if len(op.In) == 1 {
		return n.emits + op.In[0] + "#"
	}
	return n.emits
}

// roomChannel returns the channel of a room, in the sharded dialect also of a node.
func (n *channelNames) roomChannel(room string) string { return n.emits + room + "#" }

// roomOf is the reverse of roomChannel.
func (n *channelNames) roomOf(channel string) string {
	return strings.TrimSuffix(strings.TrimPrefix(channel, n.emits), "#")
}
