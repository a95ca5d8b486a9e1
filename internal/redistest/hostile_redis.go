package redistest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// hostileReplies are replies that no Redis sends, or only to few commands.
var hostileReplies = []string{
	"", "\r\n", "+\r\n", "-\r\n", ":\r\n", "$\r\n", "*\r\n", ">\r\n", "x", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x00\x01\x02", "\x16\x03\x01",
	"-ERR no\r\n", "-ERR\r\n", "-MOVED\r\n", "-MOVED 1\r\n", "-ERR MOVED\r\n", "-ASK\r\n", "-REDIRECT\r\n", "!5\r\nMOVED\r\n", "-MOVED 0 127.0.0.1:1\r\n", "-LOADING\r\n",
	"-NOAUTH no\r\n", "-CLUSTERDOWN no\r\n", "-TRYAGAIN no\r\n", "-WRONGPASS\r\n", "-NOPERM no permissions to run the 'ping' command\r\n",
	"$-2\r\n", "$-9223372036854775808\r\n", "$9223372036854775807\r\n", "$999999999999\r\n", "$1\r\n", "$1\r\nabc", "$3\r\nabcde", "$?\r\n;-1\r\n", "$?\r\n;5\r\nhello\r\n;0\r\n",
	"*-2\r\n", "*9223372036854775807\r\n", "*99999999\r\n", "%-1\r\n", "%9223372036854775807\r\n", "~-1\r\n", ">-1\r\n", "=-1\r\n", "!-1\r\n", "*?\r\n", "*?\r\n.\r\n",
	strings.Repeat("*1\r\n", 100_000), strings.Repeat("%1\r\n", 10_000), strings.Repeat("*1000000\r\n", 20), "|1\r\n+a\r\n+b\r\n+OK\r\n", "+" + strings.Repeat("x", 1<<20),
	"*0\r\n", "%0\r\n", "~0\r\n", ">0\r\n", "*-1\r\n", "$-1\r\n", "_\r\n", "#t\r\n", "#x\r\n", ",1.5\r\n", "(123\r\n", ":1\r\n", ":-1\r\n", "+OK\r\n", "+PONG\r\n", "+QUEUED\r\n", "=5\r\ntxt:x\r\n",
	"$6\r\nQUEUED\r\n", "*1\r\n$6\r\nmaster\r\n", "*1\r\n*0\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n", "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n+?\r\n:1\r\n", "*1\r\n%1\r\n+slots\r\n*1\r\n:1\r\n",
	"*2\r\n>2\r\n+a\r\n+b\r\n+c\r\n", "+OK\r\n+OK\r\n", "+PONG\r\n+PONG\r\n", ":1\r\n:1\r\n:1\r\n", "%1\r\n:1\r\n:2\r\n", "%1\r\n$5\r\nproto\r\n:2\r\n", "%1\r\n$5\r\nproto\r\n:3\r\n",
	">3\r\n+subscribe\r\n+x\r\n:1\r\n", ">3\r\n+psubscribe\r\n+x\r\n:1\r\n", ">3\r\n+ssubscribe\r\n+x\r\n:1\r\n", ">3\r\n+unsubscribe\r\n+x\r\n:1\r\n", ">3\r\n+sunsubscribe\r\n+x\r\n:0\r\n",
	">2\r\n+invalidate\r\n_\r\n", ">2\r\n+invalidate\r\n*1\r\n+k\r\n", ">1\r\n+message\r\n", ">3\r\n+message\r\n:1\r\n:2\r\n", ">4\r\n+pmessage\r\n_\r\n_\r\n_\r\n", ">3\r\n+message\r\n+x\r\n*1\r\n+y\r\n", ">2\r\n+x\r\n+y\r\n",
	">3\r\n+message\r\n$9\r\n+sentinel\r\n$1\r\nx\r\n", ">3\r\n+message\r\n$14\r\n+switch-master\r\n+a b c\r\n", ">3\r\n+message\r\n$7\r\n+reboot\r\n$8\r\nmaster x\r\n",
	"*3\r\n+subscribe\r\n+x\r\n:1\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n", "*2\r\n+pong\r\n+\r\n", ">3\r\n+subscribe\r\n+x\r\n:1\r\n>3\r\n+subscribe\r\n+x\r\n:1\r\n+OK\r\n",
}

// testHostileRedis replies to each of the first commands with a hostile reply. The adapter
// must not panic; it may close the connection.
func (e *Suite) testHostileRedis(t *testing.T) {
	for name, with := range map[string]Setup{"redis": {}, "sentinel": {Sentinel: true}} {
		with.RequestsTimeout = 20 * time.Millisecond
		t.Run(name, func(t *testing.T) {
			const stages, together = 12, 4 // commands with a hostile reply, one per connection
			var meetings sync.WaitGroup
			for stage := range stages {
				for i, nonsense := range hostileReplies {
					e.useHostileRedis(t, &meetings, with, func(n int, _ []string, good string) string {
						if n == stage || n > stage && i%2 == 0 {
							return nonsense
						}
						return good
					})
				}
				if stage%together == together-1 {
					meetings.Wait()
				}
			}
		})
		t.Run(name+" at random", func(t *testing.T) {
			var meetings sync.WaitGroup
			for seed := range uint64(200) {
				e.useHostileRedis(t, &meetings, with, func(n int, _ []string, good string) string {
					return randomReply(rand.New(rand.NewPCG(seed, uint64(n))), good)
				})
			}
			meetings.Wait()
		})
	}
}

// randomReply returns a reply in place of a good one. It is often hostile or damaged.
func randomReply(r *rand.Rand, good string) string {
	switch r.IntN(6) {
	case 0:
		return hostileReplies[r.IntN(len(hostileReplies))]
	case 1:
		return good + hostileReplies[r.IntN(len(hostileReplies))]
	case 2:
		reply := []byte(good)
		for range min(len(reply), 1+r.IntN(3)) {
			reply[r.IntN(len(reply))] = "+-:$*%~>_#,\r\n0123456789x"[r.IntN(24)]
		}
		return string(reply)
	}
	return good
}

// useHostileRedis uses an adapter for a moment with a Redis whose replies the function reply chooses.
func (e *Suite) useHostileRedis(t *testing.T, meetings *sync.WaitGroup, with Setup, reply func(n int, args []string, good string) string) {
	t.Helper()
	all := &cleanups{TB: t}
	n := OpenNode(all, e.NewCluster(all, StartFake(all, reply).Server, with), "/")
	meetings.Go(func() {
		defer all.runAll()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for ctx.Err() == nil {
			_ = n.Adapter.Publish(cluster.Emit{Data: NewEvent("e")})
			_ = n.Adapter.Request(ctx, cluster.FetchSockets{}, func(cluster.Reply) {})
			_, _ = n.Adapter.Nodes(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
}

// cleanups is a test whose cleanups runAll runs, so that several run at the same time.
type cleanups struct {
	testing.TB
	fns []func()
}

// Cleanup implements testing.TB.
func (c *cleanups) Cleanup(fn func()) { c.fns = append(c.fns, fn) }

// runAll runs the cleanups, the last one first.
func (c *cleanups) runAll() {
	for _, fn := range slices.Backward(c.fns) {
		fn()
	}
}
