package redisadapter

import (
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// streams is the dialect of @socket.io/redis-streams-adapter. Nodes add operations to a
// stream that all of them read, publish requests and replies with PUBLISH, and are
// counted by PUBSUB NUMSUB. A connection has one hub, whose stream it reads.
type streams struct {
	// Static after construction.
	conn      *connection
	hub       string
	stream    string        // name
	prefix    string        // of channels
	sessions  string        // prefix of the keys of lost sockets
	maxLen    string        // of the stream
	staleTime time.Duration // how long other nodes have to close a stale socket

	reading bool // the goroutine that reads has started; owned by the session's goroutine

	mu       sync.Mutex // guards position; a leaf
	position string     // id of the last entry that was read; "" before the first session
}

func newStreams(c *connection, hub string) *streams {
	s := c.settings.Streams
	d := &streams{
		conn: c, hub: hub, stream: s.Stream, prefix: s.ChannelPrefix, sessions: s.SessionPrefix,
		maxLen: strconv.FormatInt(s.MaxLen, 10), staleTime: defaultStaleTime,
	}
	if hub != "" {
		d.stream += ":" + hub
		d.prefix += ":" + hub
		d.sessions += hub + ":"
	}
	return d
}

// channelNames returns the channel of requests, and the channel of replies to this node.
func (d *streams) channelNames(id namespaceID, uid string) channelNames {
	n := channelNames{emits: d.prefix + "#" + id.name + "#"}
	n.requests, n.ownReplies = n.emits, n.roomChannel(uid)
	return n
}

func (d *streams) newID() string { return newHexID() }

func (d *streams) newCodec(ns *namespace) codec { return &streamsCodec{namespace: ns, streams: d} }

// newSubscriber finds the position to read from, and subscribes at the home server. The first
// call starts the goroutine that reads.
func (d *streams) newSubscriber(s *session) (subscriber, error) {
	if err := d.findPosition(s.client); err != nil {
		return nil, err
	}
	for _, ns := range d.conn.listNamespaces() {
		ns.codec.(*streamsCodec).noteAdded("") // Redis may have lost it
	}
	if !d.reading {
		d.reading = true
		d.conn.keepRunning("read", d.runReader)
	}
	return newHomeSubscriber(d.conn, s), nil
}

func (d *streams) publisher(s *session) rueidis.Client { return s.home }

func (d *streams) redisCommand(b rueidis.Builder, cmd *command) rueidis.Completed {
	switch cmd.kind {
	case publishMessage:
		return b.Publish().Channel(cmd.name).Message(cmd.orderedPayload()).Build()
	case setValue:
		return b.Set().Key(cmd.name).Value(cmd.payload).PxMilliseconds(max(1, cmd.keep.Milliseconds())).Build()
	case updateValue:
		return b.Set().Key(cmd.name).Value(cmd.payload).Xx().PxMilliseconds(max(1, cmd.keep.Milliseconds())).Build()
	case getValue:
		return b.Get().Key(cmd.name).Build()
	case getTimeLeft:
		return b.Pttl().Key(cmd.name).Build()
	case takeValue:
		return b.Getdel().Key(cmd.name).Build()
	}
	add := b.Arbitrary("XADD").Keys(d.stream).Args("MAXLEN", "~", d.maxLen, "*",
		"uid", cmd.stream.uid, "nsp", cmd.stream.id.name, "type", cmd.name, "data", cmd.payload)
	if cmd.tag != "" {
		add = add.Args("tag", cmd.tag) // Node.js ignores it
	}
	return add.Build()
}

func (d *streams) countCommand(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubNumsub().Channel(channels...).Build()
}
