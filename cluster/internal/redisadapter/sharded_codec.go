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
		return c.handleServerEmit(&m.Message)
	case messages.TypeEmit, messages.TypeJoin, messages.TypeLeave, messages.TypeSetData, messages.TypeDisconnect, messages.TypeFetchSockets:
		return c.handleTargeted(m)
	}
	return fmt.Errorf("%w: message of type %d", messages.ErrMalformed, m.Type)
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
			return c.replyToMessage(&m.Message, cluster.EmitAck{Emit: op}, time.Duration(o.Flags.Timeout)*time.Millisecond)
		}
		c.applyOperation(op)
	case messages.TypeJoin:
		c.applyOperation(cluster.Join{Target: o.Target(), Rooms: m.Rooms})
	case messages.TypeLeave:
		c.applyOperation(cluster.Leave{Target: o.Target(), Rooms: m.Rooms})
	case messages.TypeSetData:
		op, err := m.Assignment.Operation(o.Target())
		if err != nil {
			return err
		}
		c.applyOperation(op)
	case messages.TypeDisconnect:
		c.applyOperation(cluster.Disconnect{Target: o.Target(), Close: m.Close})
	case messages.TypeFetchSockets:
		return c.replyToMessage(&m.Message, cluster.FetchSockets{Target: o.Target()}, 0)
	}
	return nil
}
