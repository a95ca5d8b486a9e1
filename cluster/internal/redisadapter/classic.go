package redisadapter

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/redis/rueidis"
)

// classic is the dialect of createAdapter. Nodes publish with PUBLISH, subscribe to a
// pattern for emits and to channels for requests and replies, and are counted by PUBSUB
// NUMSUB.
type classic struct{ conn *connection }

func (d *classic) channelNames(id namespaceID, uid string) channelNames {
	return newClassicNames(hubKey(d.conn.settings, id.hub), id.name, uid)
}

// hubKey returns the key of a hub: the key of the settings, followed by a colon and the
// hub's name unless it is the default one.
func hubKey(s *Settings, hub string) string {
	if hub == "" {
		return s.Key
	}
	return s.Key + ":" + hub
}

// newID returns a random id as uid2(6) of Node.js returns it.
func (d *classic) newID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b [6]byte
	rand.Read(b[:])
	for i, c := range b {
		b[i] = alphabet[c%64]
	}
	return string(b[:])
}

func (d *classic) newCodec(ns *namespace) codec { return &classicCodec{ns} }

func (d *classic) newSubscriber(s *session) (subscriber, error) {
	return newHomeSubscriber(d.conn, s), nil
}

func (d *classic) publisher(s *session) rueidis.Client { return s.home }

func (d *classic) redisCommand(b rueidis.Builder, cmd *command) rueidis.Completed {
	return b.Publish().Channel(cmd.name).Message(cmd.payload).Build()
}

func (d *classic) countCommand(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubNumsub().Channel(channels...).Build()
}

// classicCodec is one namespace in the classic dialect.
type classicCodec struct{ *namespace }

func (c *classicCodec) fixedRoutes() []route {
	return []route{
		{name: c.names.pattern, pattern: true, kind: emitDelivery},
		{name: c.names.requests, kind: requestDelivery},
		{name: c.names.replies, kind: replyDelivery},
		{name: c.names.ownReplies, kind: replyDelivery},
	}
}

func (c *classicCodec) encodeOperation(op cluster.Operation) (cmd command, err error) {
	cmd.name = c.names.requests
	if hasNoRooms(op) {
		return cmd, nil // Node.js's adapter does not accept a request without rooms
	}
	var payload []byte
	if emit, ok := op.(cluster.Emit); ok {
		cmd.name = c.names.emitChannel(&emit)
		payload, err = encodeEmit(c.uid, c.id.name, &emit)
	} else {
		payload, err = encodeClassicOperation(c.uid, op)
	}
	cmd.payload = rueidis.BinaryString(payload)
	return cmd, err
}

// hasNoRooms reports whether an operation makes sockets join or leave no rooms.
func hasNoRooms(op cluster.Operation) bool {
	switch op := op.(type) {
	case cluster.Join:
		return len(op.Rooms) == 0
	case cluster.Leave:
		return len(op.Rooms) == 0
	}
	return false
}

func (c *classicCodec) encodeRequest(id string, q cluster.Request, timeout int64) (string, error) {
	payload, err := encodeClassicRequest(c.uid, id, c.id.name, q, timeout)
	return rueidis.BinaryString(payload), err
}

func (c *classicCodec) encodeReply(id string, reply cluster.Reply) (string, error) {
	payload, err := encodeClassicReply(id, reply)
	return rueidis.BinaryString(payload), err
}

func (c *classicCodec) decodeReply(q cluster.Request, reply rawReply) (cluster.Reply, error) {
	return decodeClassicReply(q, reply.payload)
}

func (c *classicCodec) handleDelivery(d delivery) error {
	switch d.kind {
	case emitDelivery:
		return c.handleEmit(d)
	case replyDelivery:
		c.keepReply(parseReplyID(d.payload), d.payload)
		return nil
	}
	return c.handleRequest(d.payload)
}

// handleEmit applies an emit. A message that arrives by the channel of a room without
// sockets on this node is not decoded.
func (c *classicCodec) handleEmit(d delivery) error {
	if d.room != "" && !c.hasRoom(d.room) {
		return nil
	}
	op, ok, err := decodeEmit(d.payload, d.room, c.uid, c.id.name)
	if ok {
		c.applyOperation(op)
	}
	return err
}

// keepReply keeps a reply for the pending request with this id. The requesting goroutine
// decodes it.
func (ns *namespace) keepReply(id, payload string) {
	if !ns.pending.routeReply(id, rawReply{payload: payload}, len(payload)) {
		ns.conn.countLost("too many replies at once")
	}
}

// handleRequest applies the operation of a request, or replies to it.
func (c *classicCodec) handleRequest(message string) error {
	q, err := decodeRequest(message)
	if err != nil {
		return err
	}
	switch {
	case string(q.UID) == c.uid:
		return nil
	case q.LegacyID != "":
		return c.handleLegacy(q)
	case *q.Type == typeJoin || *q.Type == typeLeave || *q.Type == typeSetData || *q.Type == typeDisconnect:
		return c.handleOperation(q)
	case *q.Type == typeServerEmit && q.RequestID == "":
		data, err := q.parseServerEvent()
		if err == nil {
			c.applyOperation(cluster.ServerEmit{Data: data})
		}
		return err
	}
	return c.replyToRequest(q)
}

// handleOperation applies an operation.
func (c *classicCodec) handleOperation(q *classicRequest) error {
	if q.SID != "" {
		return c.handleSingleSocket(q)
	}
	if q.Opts == nil {
		return fmt.Errorf("%w: request of type %d without opts", messages.ErrMalformed, *q.Type)
	}
	op, err := q.parseOperation(q.Opts.Target(), q.Rooms)
	if err == nil {
		c.applyOperation(op)
	}
	return err
}

// handleSingleSocket applies an operation to one socket, in the form of versions before
// 4.0: {sid, room}. The node with the socket confirms it.
func (c *classicCodec) handleSingleSocket(q *classicRequest) error {
	if !c.hasSocket(string(q.SID)) {
		return nil
	}
	op, err := q.parseOperation(rooms.Target{In: []string{string(q.SID)}}, []string{string(q.Room)})
	if err != nil {
		return err
	}
	c.applyOperation(op)
	return c.publishReply(map[string]string{"requestId": string(q.RequestID)})
}

// replyToRequest replies to a request.
func (c *classicCodec) replyToRequest(q *classicRequest) error {
	id := string(q.RequestID)
	if id == "" {
		return fmt.Errorf("%w: request without an id", messages.ErrMalformed)
	}
	switch *q.Type {
	case typeSockets:
		return c.publishReply(struct {
			RequestID string   `json:"requestId"`
			Sockets   []string `json:"sockets"`
		}{id, c.socketIDs(q.Rooms)})
	case typeAllRooms:
		c.sendReplies(c.names.replies, id, cluster.AllRooms{}, 0)
	case typeFetchSockets:
		if q.Opts == nil {
			return fmt.Errorf("%w: request of type %d without opts", messages.ErrMalformed, *q.Type)
		}
		c.sendReplies(c.names.replies, id, cluster.FetchSockets{Target: q.Opts.Target()}, 0)
	case typeServerEmit:
		data, err := q.parseServerEvent()
		if err != nil {
			return err
		}
		c.sendReplies(c.names.replies, id, cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: data}}, 0)
	case typeEmitAck:
		emit, err := q.parseEmit()
		if err != nil || q.Packet.Nsp != nil && *q.Packet.Nsp != c.id.name {
			return err
		}
		// Clients' acknowledgements are MessagePack, which ends processes with adapters
		// before version 7, and adapters before 7.2 do not request them.
		channel := c.names.replies
		if q.UID != "" {
			channel = c.names.repliesTo(string(q.UID))
		}
		c.sendReplies(channel, id, cluster.EmitAck{Emit: emit}, time.Duration(q.Opts.Flags.Timeout)*time.Millisecond)
	default:
		return fmt.Errorf("%w: request of type %d", messages.ErrMalformed, *q.Type)
	}
	return nil
}

// publishReply publishes a reply on the channel of all nodes.
func (c *classicCodec) publishReply(v any) error {
	payload, err := messages.Stringify(v)
	if err != nil {
		return err
	}
	return c.conn.queue.push(command{name: c.names.replies, payload: rueidis.BinaryString(payload)})
}
