package redisstreams

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// defaultRecallTime is how long the other nodes have to find a socket. Node.js's servers do not
// reply, so it is the time that a client waits whose socket is nowhere.
const defaultRecallTime = time.Second

// CloseStale asks the other nodes whether one of them has a socket, and has it saved.
func (a *adapter) CloseStale(ctx context.Context, pid, identity string) (found bool) {
	ctx, cancel := context.WithTimeout(ctx, a.line.link.recallTime)
	defer cancel()
	_ = a.Request(ctx, cluster.CloseStale{PID: pid, Identity: identity}, func(answer cluster.Reply) {
		if answer == cluster.StaleClosed(true) {
			found = true
			cancel() // the others have nothing
		}
	})
	return found
}
