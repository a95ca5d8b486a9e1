package redisadapter

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
)

func (c *shardedCodec) handleDelivery(d delivery) error {
	message := d.payload
	if d.kind == replyDelivery {
		c.keepReply(parseShardedReplyID(message), message)
		return nil
	}
	if strings.HasSuffix(message, c.tail) || strings.HasSuffix(message, c.binaryTail) {
		return nil // of this node
	}
	m, err := decodeShardedMessage(message)
	if err != nil || m.UID == c.uid || m.Nsp != c.id.name {
		return err
	}
	switch m.Type {
	case peer.TypeHeartbeat1, peer.TypeHeartbeat2, peer.TypeClose:
		return nil
	case peer.TypeSockets, peer.TypeServerAck, peer.TypeClientCount, peer.TypeClientAck:
		c.keepReply(parseShardedReplyID(message), message)
		return nil
	case peer.TypeServerEmit:
		return c.handleServerEmit(m)
	case peer.TypeEmit, peer.TypeJoin, peer.TypeLeave, peer.TypeDisconnect, peer.TypeFetchSockets:
		return c.handleTargeted(m)
	}
	return fmt.Errorf("%w: message of type %d", peer.ErrMalformed, m.Type)
}

// handleServerEmit applies a server-side emit, or replies to it.
func (c *shardedCodec) handleServerEmit(m *shardedMessage) error {
	data := m.PacketData()
	if !peer.IsServerEvent(data) {
		return fmt.Errorf("%w: message of type %d without an event", peer.ErrMalformed, m.Type)
	}
	op := cluster.ServerEmit{Data: data}
	if m.RequestID != "" {
		return c.replyToMessage(m, cluster.ServerEmitAck{ServerEmit: op}, 0)
	}
	c.applyOperation(op)
	return nil
}

// handleTargeted handles messages with a target: operations and requests on sockets.
func (c *shardedCodec) handleTargeted(m *shardedMessage) error {
	o, err := m.RequireOpts()
	if err != nil {
		return err
	}
	switch m.Type {
	case peer.TypeEmit:
		op, err := m.parseEmit()
		if err != nil {
			return err
		}
		if m.RequestID != "" {
			return c.replyToMessage(m, cluster.EmitAck{Emit: op}, time.Duration(o.Flags.Timeout)*time.Millisecond)
		}
		c.applyOperation(op)
	case peer.TypeJoin:
		c.applyOperation(cluster.Join{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeLeave:
		c.applyOperation(cluster.Leave{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeDisconnect:
		c.applyOperation(cluster.Disconnect{Target: o.Target(), Close: m.Close})
	case peer.TypeFetchSockets:
		return c.replyToMessage(m, cluster.FetchSockets{Target: o.Target()}, 0)
	}
	return nil
}

// replyToMessage has the node reply to a message, on the channel of the requesting node.
func (c *shardedCodec) replyToMessage(m *shardedMessage, q cluster.Request, timeout time.Duration) error {
	if m.RequestID == "" || m.UID == "" {
		return fmt.Errorf("%w: request of type %d without an id", peer.ErrMalformed, m.Type)
	}
	c.sendReplies(c.names.roomChannel(m.UID), string(m.RequestID), q, timeout)
	return nil
}
