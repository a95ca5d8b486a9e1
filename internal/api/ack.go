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

// AckOptions say how to wait for acknowledgements.
type AckOptions struct {
	// Timeout is how long to wait, like "5s", at most 5m. Default: 5s.
	Timeout string `json:"timeout,omitempty"`
}

// UnmarshalJSON reads an object, which an empty list may stand for. Fields that are not
// known are errors.
func (o *AckOptions) UnmarshalJSON(text []byte) error {
	if lenient.IsEmptyList(text) {
		return nil
	}
	type plain AckOptions
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(o))
}

// maxAckTimeout bounds how long a request may wait for acknowledgements.
const maxAckTimeout = 5 * time.Minute

// parseTimeout returns how long to wait.
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

// ackCollector gathers what clients acknowledge.
type ackCollector struct {
	clientCount int
	responses   []sio.Data
	requestErr  error // not all nodes could be asked, or answered in time
}

// addReply takes an answer. It is called for one at a time.
func (a *ackCollector) addReply(answer cluster.Reply) {
	switch answer := answer.(type) {
	case cluster.ClientCount:
		a.clientCount += int(answer)
	case cluster.ClientAck:
		a.responses = append(a.responses, answer.Data)
	}
}

func (a *ackCollector) buildReply() EmitReply {
	complete := a.requestErr == nil && len(a.responses) == a.clientCount
	return EmitReply{Delivered: a.clientCount, Responses: &a.responses, Complete: &complete}
}
