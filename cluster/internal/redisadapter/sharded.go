package redisadapter

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/redis/rueidis"
)

// sharded is the dialect of createShardedAdapter. Nodes publish with SPUBLISH, subscribe
// to the channels of namespaces and rooms one by one with SSUBSCRIBE, and are counted by
// PUBSUB SHARDNUMSUB.
type sharded struct {
	conn    *connection
	mode    Mode
	changes roomChanges
}

func newSharded(c *connection) *sharded {
	d := &sharded{conn: c, mode: c.settings.Mode}
	d.changes.wake = make(chan struct{}, 1)
	return d
}

// channelNames returns one channel for all messages, except for replies to one node.
func (d *sharded) channelNames(id namespaceID, uid string) channelNames {
	main := hubKey(d.conn.settings, id.hub) + "#" + id.name + "#"
	return channelNames{emits: main, requests: main, ownReplies: main + uid + "#"}
}

func (d *sharded) newID() string { return newHexID() }

// newHexID returns a random id of 16 hexadecimal digits, as Node.js's adapters do.
func newHexID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// publisher returns the client that finds the server of each channel.
func (d *sharded) publisher(s *session) rueidis.Client { return s.client }

func (d *sharded) redisCommand(b rueidis.Builder, cmd *command) rueidis.Completed {
	return b.Spublish().Channel(cmd.name).Message(cmd.payload).Build()
}

func (d *sharded) countCommand(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubShardnumsub().Channel(channels...).Build()
}

func (d *sharded) newCodec(ns *namespace) codec {
	return &shardedCodec{ns, d.mode, jsonTail(ns.uid, ns.id.name), binaryTail(ns.uid, ns.id.name)}
}

// shardedCodec is one namespace in the sharded dialect.
type shardedCodec struct {
	*namespace
	mode       Mode
	tail       string // of messages of this node in JSON
	binaryTail string // of messages of this node in MessagePack
}

// jsonTail returns the end of every message of a node: ,"uid":"...","nsp":"..."}
func jsonTail(uid, namespace string) string {
	tail, _ := messages.Stringify(struct { // strings always have a form in JSON
		UID string `json:"uid"`
		Nsp string `json:"nsp"`
	}{uid, namespace})
	return "," + string(tail[1:])
}

// binaryTail returns the end of every message of a node in MessagePack.
func binaryTail(uid, namespace string) string {
	b := msgpack.AppendString(msgpack.AppendString(nil, "uid"), uid)
	return string(msgpack.AppendString(msgpack.AppendString(b, "nsp"), namespace))
}

// fixedRoutes returns none: the subscriber adds each channel.
func (c *shardedCodec) fixedRoutes() []route { return nil }

func (c *shardedCodec) encodeOperation(op cluster.Operation) (cmd command, err error) {
	cmd.name = c.names.emits
	if hasNoRooms(op) {
		return cmd, nil
	}
	if emit, ok := op.(cluster.Emit); ok && len(emit.In) == 1 && c.mode.hasChannel(emit.In[0]) {
		cmd.name = c.names.roomChannel(emit.In[0])
	}
	cmd.payload, err = c.encodeDraft(messages.EncodeOperation(op))
	return cmd, err
}

func (c *shardedCodec) encodeRequest(id string, q cluster.Request, timeout int64) (string, error) {
	return c.encodeDraft(messages.EncodeRequest(id, q, timeout))
}

func (c *shardedCodec) encodeReply(id string, reply cluster.Reply) (string, error) {
	return c.encodeDraft(messages.EncodeReply(id, reply))
}

// encodeDraft returns {type, data, uid, nsp}: JSON or, with binary in data, MessagePack.
// It fails with the error of the draft.
func (c *shardedCodec) encodeDraft(d messages.Draft, err error) (string, error) {
	if err != nil {
		return "", err
	}
	d.ReplaceInvalidUTF8()
	whole := d.Data(`{"type":`+strconv.Itoa(d.Type)+`,"data":`, c.tail)
	if len(whole.Attachments) == 0 {
		return rueidis.BinaryString(whole.JSON), nil
	}
	b, err := msgpack.AppendData(nil, whole)
	return rueidis.BinaryString(b), err
}

func (c *shardedCodec) decodeReply(q cluster.Request, reply rawReply) (cluster.Reply, error) {
	m, err := decodeShardedMessage(reply.payload)
	if err != nil {
		return nil, err
	}
	decoded, ok := m.ReplyTo(q)
	if !ok {
		return nil, fmt.Errorf("%w: a reply of type %d", messages.ErrMalformed, m.Type)
	}
	return decoded, nil
}
