package redis

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
)

// handleShard does what a message of another server says.
func (ln *line) handleShard(message string) error {
	if strings.HasSuffix(message, ln.tail) || strings.HasSuffix(message, ln.binaryTail) {
		return nil // an own one comes back
	}
	m, err := decodeShard(message)
	if err != nil || m.UID == ln.uid || m.Nsp != ln.namespace {
		return err
	}
	switch m.Type {
	case peer.TypeHeartbeat1, peer.TypeHeartbeat2, peer.TypeClose:
		return nil
	case peer.TypeSockets, peer.TypeServerAck, peer.TypeClientCount, peer.TypeClientAck:
		ln.answered(message)
		return nil
	case peer.TypeServerEmit:
		return ln.handleServerEmit(m)
	case peer.TypeEmit, peer.TypeJoin, peer.TypeLeave, peer.TypeDisconnect, peer.TypeFetchSockets:
		return ln.handleTargeted(m)
	}
	return fmt.Errorf("%w: message of type %d", peer.ErrMalformed, m.Type)
}

func (ln *line) handleServerEmit(m *shardMessage) error {
	data := m.PacketData()
	if !peer.IsServerEvent(data) {
		return fmt.Errorf("%w: message of type %d without an event", peer.ErrMalformed, m.Type)
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
	o, err := m.RequireOpts()
	if err != nil {
		return err
	}
	switch m.Type {
	case peer.TypeEmit:
		op, err := m.emit()
		if err != nil {
			return err
		}
		if m.RequestID != "" {
			return ln.answerShard(m, cluster.EmitAck{Emit: op}, time.Duration(o.Flags.Timeout)*time.Millisecond)
		}
		ln.apply(op)
	case peer.TypeJoin:
		ln.apply(cluster.Join{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeLeave:
		ln.apply(cluster.Leave{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeDisconnect:
		ln.apply(cluster.Disconnect{Target: o.Target(), Close: m.Close})
	case peer.TypeFetchSockets:
		return ln.answerShard(m, cluster.FetchSockets{Target: o.Target()}, 0)
	}
	return nil
}

// answerShard has the node answer a message, on the channel of who asked.
func (ln *line) answerShard(m *shardMessage, q cluster.Request, timeout time.Duration) error {
	if m.RequestID == "" || m.UID == "" {
		return fmt.Errorf("%w: question of type %d without an id", peer.ErrMalformed, m.Type)
	}
	ln.answer(ln.names.roomChannel(m.UID), string(m.RequestID), q, timeout)
	return nil
}
