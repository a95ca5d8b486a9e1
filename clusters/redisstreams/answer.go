package redisstreams

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/peer"
	"go.uber.org/zap"
)

// maxTimeout bounds how long another server may have clients' acknowledgements
// waited for here.
const maxTimeout = 10 * time.Minute

// handleEntry does what an entry of the stream says.
func (ln *line) handleEntry(m *message) error {
	o, err := m.Options()
	if err != nil {
		return err
	}
	switch m.Type {
	case peer.TypeEmit:
		if m.RequestID != "" {
			return nil // a question of an older version, which none of this one answers
		}
		op, err := m.emit()
		if err != nil {
			return err
		}
		ln.apply(op)
	case peer.TypeJoin:
		ln.apply(cluster.Join{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeLeave:
		ln.apply(cluster.Leave{Target: o.Target(), Rooms: m.Rooms})
	case peer.TypeDisconnect:
		ln.apply(cluster.Disconnect{Target: o.Target(), Close: m.Close})
	}
	return nil
}

// handleMessage does what a message of a channel says.
func (ln *line) handleMessage(m *message) error {
	switch m.Type {
	case peer.TypeSockets, peer.TypeServerAck, peer.TypeClientCount, peer.TypeClientAck:
		ln.answered(m)
		return nil
	case peer.TypeServerEmit:
		data := m.Value()
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
		o, err := m.Options()
		if err != nil {
			return err
		}
		return ln.answer(m, cluster.FetchSockets{Target: o.Target()}, 0)
	case peer.TypeEmit:
		emit, err := m.emit()
		if err != nil {
			return err
		}
		return ln.answer(m, cluster.EmitAck{Emit: emit}, time.Duration(m.Opts.Flags.Timeout)*time.Millisecond)
	}
	return fmt.Errorf("%w: message of type %d", peer.ErrMalformed, m.Type)
}

// answer has the node answer a question, and publishes what it says; or that it has
// nothing to say: a server that does not answer makes the other one wait in vain,
// and then fail.
func (ln *line) answer(m *message, q cluster.Query, timeout time.Duration) error {
	id, channel := string(m.RequestID), ln.link.names.private(ln.namespace, m.UID)
	if id == "" || m.UID == "" {
		return fmt.Errorf("%w: question without an id", peer.ErrMalformed)
	}
	var mu sync.Mutex // the node may reply on any goroutine
	replied := false
	reply := func(answer cluster.Answer) {
		if _, ack := answer.(cluster.ClientAck); !ack {
			mu.Lock()
			again := replied
			replied = true
			mu.Unlock()
			if again {
				return
			}
		}
		payload, err := ln.encodeAnswer(id, answer)
		if err == nil {
			err = ln.link.out.push(outgoing{kind: aMessage, name: channel, payload: payload})
		}
		if err != nil {
			ln.link.log().Error("answer to another server not sent", zap.String("namespace", ln.namespace), zap.Error(err))
		}
	}
	ln.ask(q, timeout, reply, func() { reply(nothing(q)) })
	return nil
}

// nothing returns the answer of a node that has nothing to say.
func nothing(q cluster.Query) cluster.Answer {
	switch q.(type) {
	case cluster.FetchSockets:
		return cluster.Sockets{}
	case cluster.EmitAck:
		return cluster.ClientCount(0)
	default:
		return cluster.ServerAck{Data: peer.Null}
	}
}

// ask asks the node, on a goroutine of its own, and calls then when the node has no
// more to say. Whatever says something about the sockets of this moment has been
// answered when it returns, so that what comes next can't overtake it; events for
// servers, whose handlers may take their time, have not.
func (ln *line) ask(q cluster.Query, timeout time.Duration, reply func(cluster.Answer), then func()) {
	l, users := ln.link, ln.users()
	if len(users) == 0 {
		return
	}
	if l.answering.Add(1) > maxAnswers {
		l.answering.Add(-1)
		l.lose("too many questions are being answered")
		return
	}
	if timeout == 0 {
		timeout = l.settings.requestsTimeout
	}
	a := users[len(users)-1]
	first := make(chan struct{})
	var once sync.Once
	answered := func() { once.Do(func() { close(first) }) }
	l.spawn("redis_streams: answer", func() {
		defer l.answering.Add(-1)
		defer answered()
		ctx, cancel := context.WithTimeout(a.ctx, min(timeout, maxTimeout))
		defer cancel()
		a.node.Answer(ctx, q, func(answer cluster.Answer) {
			reply(answer)
			answered()
		})
		then()
	})
	if _, slow := q.(cluster.ServerEmitAck); !slow {
		<-first
	}
}
