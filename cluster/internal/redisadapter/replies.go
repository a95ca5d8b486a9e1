package redisadapter

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"go.uber.org/zap"
)

const (
	// maxReplying is how many requests of other nodes the hub replies to at once.
	maxReplying = 1024
	// maxAckTime bounds how long this node waits for clients' acknowledgements, which
	// the requesting node asks for.
	maxAckTime = 10 * time.Minute
)

// sendReplies has the node reply to request id, and publishes the replies on a channel. A
// timeout of 0 is requests_timeout. A node without a reply sends an empty one: otherwise
// the requesting node would wait, and then fail.
func (ns *namespace) sendReplies(channel, id string, q cluster.Request, timeout time.Duration) {
	c := ns.conn
	send := func(reply cluster.Reply) {
		payload, err := ns.codec.encodeReply(id, reply)
		if err == nil {
			err = c.queue.push(command{name: channel, payload: payload})
		}
		if err != nil {
			c.log().Error("sending a reply to another node failed", zap.String("namespace", ns.id.name), zap.Error(err))
		}
	}
	var mu sync.Mutex // guards replied: the node may reply on any goroutine
	replied := false
	sendOnce := func(reply cluster.Reply) {
		if _, ack := reply.(cluster.ClientAck); !ack {
			mu.Lock()
			again := replied
			replied = true
			mu.Unlock()
			if again {
				return
			}
		}
		send(reply)
	}
	ns.requestNode(q, timeout, sendOnce, func() { sendOnce(emptyReply(q)) })
}

// emptyReply returns the reply of a node that has none.
func emptyReply(q cluster.Request) cluster.Reply {
	switch q.(type) {
	case cluster.FetchSockets:
		return cluster.Sockets{}
	case cluster.AllRooms:
		return cluster.Rooms{}
	case cluster.EmitAck:
		return cluster.ClientCount(0)
	case cluster.CloseStale:
		return cluster.StaleClosed(false)
	default:
		return cluster.ServerAck{Data: messages.Null}
	}
}

// requestNode has the node of the newest adapter reply on a goroutine of its own, and
// calls then after its last reply. It returns after the first reply to a request about
// the sockets of this moment, so that later operations can't overtake it. It does not
// wait for server-side emits, whose handlers may take their time, nor for stale sockets.
func (ns *namespace) requestNode(q cluster.Request, timeout time.Duration, reply func(cluster.Reply), then func()) {
	adapters, c := ns.openAdapters(), ns.conn
	if len(adapters) == 0 {
		return
	}
	a := adapters[len(adapters)-1]
	if c.replying.Add(1) > maxReplying {
		c.replying.Add(-1)
		c.countLost("too many requests at once")
		return
	}
	first := make(chan struct{})
	var once sync.Once
	replied := func() { once.Do(func() { close(first) }) }
	timeout = min(cmp.Or(timeout, c.settings.RequestsTimeout), maxAckTime)
	c.startTask("reply", func() { // ends when the node returns
		defer c.replying.Add(-1)
		defer replied()
		ctx, cancel := context.WithTimeout(a.ctx, timeout)
		defer cancel()
		a.node.Reply(ctx, q, func(r cluster.Reply) {
			reply(r)
			replied()
		})
		then()
	})
	switch q.(type) {
	case cluster.ServerEmitAck, cluster.CloseStale:
	default:
		<-first
	}
}

// handleServerEmit applies a server-side emit, or replies to it.
func (ns *namespace) handleServerEmit(m *messages.Message) error {
	data := m.PacketData()
	if !messages.IsServerEvent(data) {
		return fmt.Errorf("%w: message of type %d without an event", messages.ErrMalformed, m.Type)
	}
	op := cluster.ServerEmit{Data: data}
	if m.RequestID != "" {
		return ns.replyToMessage(m, cluster.ServerEmitAck{ServerEmit: op}, 0)
	}
	ns.applyOperation(op)
	return nil
}

// replyToMessage has the node reply to a message, on the channel of the requesting node.
func (ns *namespace) replyToMessage(m *messages.Message, q cluster.Request, timeout time.Duration) error {
	if m.RequestID == "" || m.UID == "" {
		return fmt.Errorf("%w: request of type %d without an id", messages.ErrMalformed, m.Type)
	}
	ns.sendReplies(ns.names.roomChannel(m.UID), string(m.RequestID), q, timeout)
	return nil
}
