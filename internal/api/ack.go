package api

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// AckOptions say how to wait for acknowledgements.
type AckOptions struct {
	// Timeout is how long to wait, like "5s", at most 5m. Default: 5s.
	Timeout string `json:"timeout,omitempty"`
}

// maxAckTimeout bounds how long a request may wait for acknowledgements.
const maxAckTimeout = 5 * time.Minute

// begin returns the context of the wait.
func (o *AckOptions) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	timeout := hub.DefaultTimeout
	if o.Timeout != "" {
		d, err := time.ParseDuration(o.Timeout)
		if err != nil || d <= 0 || d > maxAckTimeout {
			return nil, nil, badRequest("ack.timeout: unexpected %q, expected a duration up to %s, like 5s", o.Timeout, maxAckTimeout)
		}
		timeout = d
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

// acks gathers what clients acknowledge.
type acks struct {
	clients   int
	responses []sio.Data
	failed    error // not all nodes could be asked, or answered in time
}

// add takes an answer. It is called for one at a time.
func (a *acks) add(answer cluster.Answer) {
	switch answer := answer.(type) {
	case cluster.ClientCount:
		a.clients += int(answer)
	case cluster.ClientAck:
		a.responses = append(a.responses, answer.Data)
	}
}

func (a *acks) delivered() Delivered {
	complete := a.failed == nil && len(a.responses) == a.clients
	return Delivered{Delivered: a.clients, Responses: &a.responses, Complete: &complete}
}
