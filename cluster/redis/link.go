package redis

import (
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"go.uber.org/zap"
)

// engine is what errors, and the names of goroutines, begin with.
const engine = "redis"

// link is the one connection of this process to a Redis. It lives as long as a
// config names it, and connects when the first namespace is opened.
type link struct {
	*redislink.Link[*line]
	settings *settings
	dialect  dialect
	out      *redislink.Queue[outgoing]
	inbound  atomic.Int64 // bytes received and not yet applied
	routes   routes
	rooms    roomQueue
}

// session is the time between connecting and losing the connection.
type session = redislink.Session[*line]

func newLink(s *settings, log *zap.Logger) *link {
	l := &link{settings: s, dialect: classic{}}
	if s.sharded != "" {
		l.dialect = s.sharded
	}
	l.Link = redislink.New[*line](engine, s.server, l.dialect.count, log)
	l.out = redislink.NewQueue[outgoing](engine, l.CountUnpublished)
	l.routes.lines = make(map[string]routed)
	l.rooms.wake = make(chan struct{}, 1)
	return l
}

// open returns the line of a namespace, for one more user of it.
func (l *link) open(key, namespace string, n cluster.Node) (a *adapter, err error) {
	id := l.dialect.names(key, namespace, "").pattern
	err = l.Enter(id, l.begin, func(ln *line) (*line, error) {
		fresh := ln == nil
		if fresh {
			ln = newLine(l, key, namespace)
		}
		if a, err = ln.join(n); err == nil && fresh {
			l.addRoutes(ln)
		}
		return ln, err
	})
	return a, err
}

func (l *link) begin() {
	l.Keep("subscribe", func() { l.Run(l.serve) })
	l.Keep("publish", func() { redislink.Publish(l.Link, l.out, l.send) })
}

// addRoutes makes what a line subscribes to its own. In the sharded dialect the
// session does, channel by channel.
func (l *link) addRoutes(ln *line) {
	if l.settings.sharded == "" {
		l.routes.add(ln)
	}
}

// drop takes a line away that nobody uses any more.
func (l *link) drop(ln *line) {
	if l.Drop(ln) {
		l.routes.remove(ln)
	}
}

// close ends the link, after what is queued has been published if that can be
// done soon.
func (l *link) close() { l.End(l.out.Flush) }
