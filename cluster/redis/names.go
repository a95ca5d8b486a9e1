package redis

import (
	"crypto/rand"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// names are what one namespace is called in Redis.
type names struct {
	broadcast string // channel of what is emitted; a room's name and # may follow
	pattern   string // of that channel and those of rooms
	request   string // channel of requests
	response  string // channel of responses
	own       string // channel of responses to this server
}

// newNames returns the names for a key and a namespace, and the uid of a server.
func newNames(key, namespace, uid string) names {
	n := names{
		broadcast: key + "#" + namespace + "#",
		request:   key + "-request#" + namespace + "#",
		response:  key + "-response#" + namespace + "#",
	}
	// Node leaves the pattern as it is, and with a namespace /[x] does not hear
	// its own channel.
	n.pattern = globEscaper.Replace(n.broadcast) + "*"
	n.own = n.responseTo(uid)
	return n
}

// responseTo returns the channel of responses to a server. Adapters before version
// 7.1 do not listen to theirs.
func (n *names) responseTo(uid string) string { return n.response + uid + "#" }

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// room returns which room's channel a channel is; nothing for the common one. It
// is false for a channel that Node's adapters don't listen to either.
func (n *names) room(channel string) (room string, ok bool) {
	rest, ok := strings.CutPrefix(channel, n.broadcast)
	if !ok || rest == "" {
		return "", ok
	}
	return strings.CutSuffix(rest, "#")
}

// channel returns where an emit goes.
func (n *names) channel(op *cluster.Emit) string {
	if len(op.In) == 1 {
		return n.broadcast + op.In[0] + "#"
	}
	return n.broadcast
}

// newID returns a random id, of a server or a request, as Node's uid2(6) does.
func newID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b [6]byte
	rand.Read(b[:])
	for i, c := range b {
		b[i] = alphabet[c%64]
	}
	return string(b[:])
}
