package api

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// AckOptions are the options for waiting for acknowledgements.
type AckOptions struct {
	// Timeout is how long to wait, like "5s", at most 5m. Default: 5s.
	Timeout string `json:"timeout,omitempty"`
}

// UnmarshalJSON decodes an object, or an empty list in its place. An unknown field is an
// error.
func (o *AckOptions) UnmarshalJSON(text []byte) error {
	if lenient.IsEmptyList(text) {
		return nil
	}
	type plain AckOptions
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(o))
}

// maxAckTimeout limits how long a request may wait for acknowledgements.
const maxAckTimeout = 5 * time.Minute

// parseTimeout returns the time to wait for acknowledgements. A timeout out of its range
// is an error.
func (o *AckOptions) parseTimeout() (time.Duration, error) {
	if o.Timeout == "" {
		return hub.DefaultTimeout, nil
	}
	d, err := time.ParseDuration(o.Timeout)
	if err != nil || d <= 0 || d > maxAckTimeout {
		return 0, badRequest("ack.timeout: unexpected %q, expected a duration up to %s, like 5s", o.Timeout, maxAckTimeout)
	}
	return d, nil
}

// ackCollector collects the acknowledgements of clients.
type ackCollector struct {
	clientCount int
	responses   []sio.Data
	requestErr  error // set if not all other nodes replied in time
}

// addReply adds a reply of this node or another one. Its calls must not overlap.
func (a *ackCollector) addReply(reply cluster.Reply) {
	switch reply := reply.(type) {
	case cluster.ClientCount:
		a.clientCount += int(reply)
	case cluster.ClientAck:
		a.responses = append(a.responses, reply.Data)
	}
}

func (a *ackCollector) buildReply() EmitReply {
	complete := a.requestErr == nil && len(a.responses) == a.clientCount
	return EmitReply{Delivered: a.clientCount, Responses: &a.responses, Complete: &complete}
}
