package redisstreams

import (
	"cmp"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
)

// handleEntry does what an entry of the stream says.
func (ln *line) handleEntry(m *message) error {
	op, err := m.operation()
	if err == nil && op != nil {
		ln.apply(op)
	}
	return err
}

// operation returns the operation that an entry is; nil for a question of an older
// version, which none of this one answers.
func (m *message) operation() (cluster.Operation, error) {
	o, err := m.RequireOpts()
	if err != nil {
		return nil, err
	}
	switch m.Type {
	case peer.TypeEmit:
		if m.RequestID == "" {
			return m.emit()
		}
	case peer.TypeJoin:
		return cluster.Join{Target: o.Target(), Rooms: m.Rooms}, nil
	case peer.TypeLeave:
		return cluster.Leave{Target: o.Target(), Rooms: m.Rooms}, nil
	case peer.TypeDisconnect:
		return cluster.Disconnect{Target: o.Target(), Close: m.Close}, nil
	}
	return nil, nil
}

// handleMessage does what a message of a channel says.
func (ln *line) handleMessage(m *message) error {
	switch m.Type {
	case peer.TypeSockets, peer.TypeServerAck, peer.TypeClientCount, peer.TypeClientAck, peer.TypeStaleClosed:
		ln.answered(m)
		return nil
	case peer.TypeServerEmit:
		data := m.PacketData()
		if !peer.IsServerEvent(data) {
			return fmt.Errorf("%w: message of type %d without an event", peer.ErrMalformed, m.Type)
		}
		emit := cluster.ServerEmit{Data: data}
		if m.RequestID == "" {
			ln.apply(emit)
			return nil
		}
		return ln.answer(m, cluster.ServerEmitAck{ServerEmit: emit}, 0)
	case peer.TypeFetchSockets:
		o, err := m.RequireOpts()
		if err != nil {
			return err
		}
		return ln.answer(m, cluster.FetchSockets{Target: o.Target()}, 0)
	case peer.TypeCloseStale:
		if m.PID == "" {
			return fmt.Errorf("%w: message of type %d without a pid", peer.ErrMalformed, m.Type)
		}
		return ln.answer(m, cluster.CloseStale{PID: string(m.PID), Identity: string(m.Identity)}, 0)
	case peer.TypeEmit:
		emit, err := m.emit()
		if err != nil {
			return err
		}
		return ln.answer(m, cluster.EmitAck{Emit: emit}, time.Duration(m.Opts.Flags.Timeout)*time.Millisecond)
	}
	return fmt.Errorf("%w: message of type %d", peer.ErrMalformed, m.Type)
}

// answer has the node answer a question, and publishes what it says.
func (ln *line) answer(m *message, q cluster.Request, timeout time.Duration) error {
	id, channel := string(m.RequestID), ln.link.names.private(ln.namespace, m.UID)
	if id == "" || m.UID == "" {
		return fmt.Errorf("%w: question without an id", peer.ErrMalformed)
	}
	users := ln.users()
	if len(users) == 0 {
		return nil
	}
	a, l := users[len(users)-1], ln.link
	node := redislink.Asker{Context: a.ctx, Node: a.node}
	l.Answer(ln, node, q, cmp.Or(timeout, l.settings.requestsTimeout), func(answer cluster.Reply) error {
		payload, err := ln.encodeAnswer(id, answer)
		if err != nil {
			return err
		}
		return l.out.Push(outgoing{kind: aMessage, name: channel, payload: payload})
	})
	return nil
}
