package redislink

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"go.uber.org/zap"
)

const (
	// maxAnswers is how many questions of other servers are answered at once.
	maxAnswers = 1024
	// maxTimeout bounds how long another server may have clients' acknowledgements
	// waited for here.
	maxTimeout = 10 * time.Minute
)

// Asker is a node that is asked.
type Asker struct {
	Context context.Context // ends when the node leaves
	Node    cluster.Node
}

// Answer has a node answer a question of another server, which send is given; or that it
// has nothing to say: a server that does not answer makes the other one wait in vain,
// and then fail.
func (l *Link[L]) Answer(ln L, a Asker, q cluster.Request, timeout time.Duration, send func(cluster.Reply) error) {
	var mu sync.Mutex // the node may reply on any goroutine
	replied := false
	reply := func(answer cluster.Reply) {
		if _, ack := answer.(cluster.ClientAck); !ack {
			mu.Lock()
			again := replied
			replied = true
			mu.Unlock()
			if again {
				return
			}
		}
		if err := send(answer); err != nil {
			l.Log().Error("answer to another server not sent", zap.String("namespace", ln.Name()), zap.Error(err))
		}
	}
	l.Ask(a, q, timeout, reply, func() { reply(nothing(q)) })
}

// nothing returns the answer of a node that has nothing to say.
func nothing(q cluster.Request) cluster.Reply {
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
		return cluster.ServerAck{Data: peer.Null}
	}
}

// Ask asks a node, on a goroutine of its own, and calls then when the node has no more
// to say. Whatever says something about the sockets of this moment has been answered
// when it returns, so that what comes next can't overtake it; events for servers, whose
// handlers may take their time, have not, nor has the recall of a socket.
func (l *Link[L]) Ask(a Asker, q cluster.Request, timeout time.Duration, reply func(cluster.Reply), then func()) {
	if l.answering.Add(1) > maxAnswers {
		l.answering.Add(-1)
		l.Lose("too many questions are being answered")
		return
	}
	first := make(chan struct{})
	var once sync.Once
	answered := func() { once.Do(func() { close(first) }) }
	l.Spawn("answer", func() {
		defer l.answering.Add(-1)
		defer answered()
		ctx, cancel := context.WithTimeout(a.Context, min(timeout, maxTimeout))
		defer cancel()
		a.Node.Reply(ctx, q, func(answer cluster.Reply) {
			reply(answer)
			answered()
		})
		then()
	})
	switch q.(type) {
	case cluster.ServerEmitAck, cluster.CloseStale:
	default:
		<-first
	}
}
