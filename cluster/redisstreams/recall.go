package redisstreams

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// defaultRecallTime is how long the other nodes have to find a socket. Node.js's servers do not
// reply, so it is the time that a client waits whose socket is nowhere.
const defaultRecallTime = time.Second

// Recall asks the other nodes whether one of them has a socket, and has it saved.
func (a *adapter) Recall(ctx context.Context, pid, identity string) (found bool) {
	ctx, cancel := context.WithTimeout(ctx, a.line.link.recallTime)
	defer cancel()
	_ = a.Ask(ctx, cluster.RecallSocket{PID: pid, Identity: identity}, func(answer cluster.Answer) {
		if answer == cluster.Recalled(true) {
			found = true
			cancel() // the others have nothing
		}
	})
	return found
}
