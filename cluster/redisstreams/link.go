package redisstreams

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"go.uber.org/zap"
)

// engine is what errors, and the names of goroutines, begin with.
const engine = "redis_streams"

// link is a hub's way to the others of its name. It lives as long as a config names
// its Redis, and connects when the first namespace is opened.
type link struct {
	*redislink.Link[*line]
	settings *settings
	names    names
	out      *redislink.Queue[outgoing]
	inbound  atomic.Int64  // bytes received and not yet applied
	room     chan struct{} // there is room again for what is received

	recallTime time.Duration // static once in use

	mu       sync.Mutex       // guards the following; a leaf
	channels map[string]*line // whose a channel is
	position string           // the last entry of the stream that was read
}

// session is the time between connecting and losing the connection.
type session = redislink.Session[*line]

func newLink(s *settings, hub string, log *zap.Logger) *link {
	l := &link{
		Link: redislink.New[*line](engine, s.server, countCommand, log), settings: s, names: newNames(s, hub),
		room: make(chan struct{}, 1), channels: make(map[string]*line), recallTime: defaultRecallTime,
	}
	l.out = redislink.NewQueue[outgoing](engine, l.CountUnpublished)
	return l
}

// Open joins a namespace. It does not wait.
func (l *link) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	var a *adapter
	err := l.Enter(namespace, l.begin, func(ln *line) (*line, error) {
		if ln == nil {
			ln = newLine(l, namespace)
			l.own(ln)
		}
		a = ln.join(n)
		return ln, nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (l *link) begin() {
	l.Keep("subscribe", func() { l.Run(l.serve) })
	l.Keep("read", l.read)
	l.Keep("publish", func() { redislink.Publish(l.Link, l.out, l.send) })
}

// drop takes a line away that nobody uses any more.
func (l *link) drop(ln *line) {
	if l.Drop(ln) {
		l.disown(ln)
	}
}

// own says that the channels of a line are its own.
func (l *link) own(ln *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.channels[ln.public], l.channels[ln.private] = ln, ln
}

// disown is the reverse of own, unless they are another line's by now.
func (l *link) disown(ln *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, channel := range [...]string{ln.public, ln.private} {
		if l.channels[channel] == ln {
			delete(l.channels, channel)
		}
	}
}

// subscriber returns whose a channel is, nil when it was left a moment ago.
func (l *link) subscriber(channel string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channels[channel]
}

// Close leaves the namespaces that are still open. The link ends with its configs.
func (l *link) Close() error {
	for _, ln := range l.Lines() {
		for _, a := range ln.users() {
			_ = a.Close() // never fails
		}
	}
	return nil
}

// close ends the link, after what is queued has been published if that can be
// done soon.
func (l *link) close() { l.End(l.out.Flush) }
