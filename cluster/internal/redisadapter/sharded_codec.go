package redisadapter

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
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
	case messages.TypeHeartbeat1, messages.TypeHeartbeat2, messages.TypeClose:
		return nil
	case messages.TypeSockets, messages.TypeServerAck, messages.TypeClientCount, messages.TypeClientAck:
		c.keepReply(parseShardedReplyID(message), message)
		return nil
	case messages.TypeServerEmit:
		return c.handleServerEmit(m)
	case messages.TypeEmit, messages.TypeJoin, messages.TypeLeave, messages.TypeDisconnect, messages.TypeFetchSockets:
		return c.handleTargeted(m)
	}
	return fmt.Errorf("%w: message of type %d", messages.ErrMalformed, m.Type)
}

// handleServerEmit applies a server-side emit, or replies to it.
func (c *shardedCodec) handleServerEmit(m *shardedMessage) error {
	data := m.PacketData()
	if !messages.IsServerEvent(data) {
		return fmt.Errorf("%w: message of type %d without an event", messages.ErrMalformed, m.Type)
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
	case messages.TypeEmit:
		op, err := m.parseEmit()
		if err != nil {
			return err
		}
		if m.RequestID != "" {
			return c.replyToMessage(m, cluster.EmitAck{Emit: op}, time.Duration(o.Flags.Timeout)*time.Millisecond)
		}
		c.applyOperation(op)
	case messages.TypeJoin:
		c.applyOperation(cluster.Join{Target: o.Target(), Rooms: m.Rooms})
	case messages.TypeLeave:
		c.applyOperation(cluster.Leave{Target: o.Target(), Rooms: m.Rooms})
	case messages.TypeDisconnect:
		c.applyOperation(cluster.Disconnect{Target: o.Target(), Close: m.Close})
	case messages.TypeFetchSockets:
		return c.replyToMessage(m, cluster.FetchSockets{Target: o.Target()}, 0)
	}
	return nil
}

// replyToMessage has the node reply to a message, on the channel of the requesting node.
func (c *shardedCodec) replyToMessage(m *shardedMessage, q cluster.Request, timeout time.Duration) error {
	if m.RequestID == "" || m.UID == "" {
		return fmt.Errorf("%w: request of type %d without an id", messages.ErrMalformed, m.Type)
	}
	c.sendReplies(c.names.roomChannel(m.UID), string(m.RequestID), q, timeout)
	return nil
}
