package redis

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// handleShard does what a message of another server says.
func (ln *line) handleShard(message string) error {
	if strings.HasSuffix(message, ln.tail) || strings.HasSuffix(message, ln.binaryTail) {
		return nil // an own one comes back
	}
	m, err := decodeShard(message)
	if err != nil || m.uid == ln.uid || m.nsp != ln.namespace {
		return err
	}
	switch m.typ {
	case shardHeartbeat1, shardHeartbeat2, shardClose:
		return nil
	case shardSockets, shardServerAck, shardClientCount, shardClientAck:
		ln.answered(message)
		return nil
	case shardServerEmit:
		return ln.handleServerEmit(m)
	case shardEmit, shardJoin, shardLeave, shardDisconnect, shardFetchSockets:
		return ln.handleTargeted(m)
	}
	return fmt.Errorf("%w: message of type %d", errMalformed, m.typ)
}

func (ln *line) handleServerEmit(m *shardMessage) error {
	data := m.packet()
	if !isServerEvent(data) {
		return fmt.Errorf("%w: message of type %d without an event", errMalformed, m.typ)
	}
	op := cluster.ServerEmit{Data: data}
	if m.RequestID != "" {
		return ln.answerShard(m, cluster.ServerEmitAck{ServerEmit: op}, 0)
	}
	ln.apply(op)
	return nil
}

// handleTargeted does what is for sockets.
func (ln *line) handleTargeted(m *shardMessage) error {
	o, err := m.options()
	if err != nil {
		return err
	}
	switch m.typ {
	case shardEmit:
		op, err := m.emit()
		if err != nil {
			return err
		}
		if m.RequestID != "" {
			return ln.answerShard(m, cluster.EmitAck{Emit: op}, time.Duration(o.Flags.Timeout)*time.Millisecond)
		}
		ln.apply(op)
	case shardJoin:
		ln.apply(cluster.Join{Target: o.target(), Rooms: m.Rooms})
	case shardLeave:
		ln.apply(cluster.Leave{Target: o.target(), Rooms: m.Rooms})
	case shardDisconnect:
		ln.apply(cluster.Disconnect{Target: o.target(), Close: m.Close})
	case shardFetchSockets:
		return ln.answerShard(m, cluster.FetchSockets{Target: o.target()}, 0)
	}
	return nil
}

// answerShard has the node answer a message, on the channel of who asked.
func (ln *line) answerShard(m *shardMessage, q cluster.Query, timeout time.Duration) error {
	if m.RequestID == "" || m.uid == "" {
		return fmt.Errorf("%w: question of type %d without an id", errMalformed, m.typ)
	}
	ln.answer(ln.names.roomChannel(m.uid), string(m.RequestID), q, timeout)
	return nil
}
