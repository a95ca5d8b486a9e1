package redisstreams

import (
	"crypto/rand"
	"encoding/hex"
)

// names are what a hub's things are called in Redis.
type names struct {
	stream   string
	channels string // prefix
	sessions string // prefix
}

func newNames(s *settings, hub string) names {
	n := names{stream: s.stream, channels: s.channelPrefix, sessions: s.sessionPrefix}
	if hub != "" {
		n.stream += ":" + hub
		n.channels += ":" + hub
		n.sessions += hub + ":"
	}
	return n
}

// public is the channel of a namespace's questions.
func (n *names) public(namespace string) string { return n.channels + "#" + namespace + "#" }

// private is the channel of answers to one server of a namespace.
func (n *names) private(namespace, uid string) string { return n.public(namespace) + uid + "#" }

// newID returns a random id, of a server or a question, as Node's adapter has it.
func newID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
