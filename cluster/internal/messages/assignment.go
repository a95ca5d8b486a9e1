package messages

import (
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Assignment is a key of the data of sockets and its value. Binary in the value is
// {"$binary":"BASE64"}, so that it travels as JSON in each dialect.
type Assignment struct {
	Key   Text            `json:"key,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// NewAssignment returns the key and the value of an operation.
func NewAssignment(op *cluster.SetData) (Assignment, error) {
	value, err := op.Value.MarshalJSON()
	return Assignment{Text(op.Key), value}, err
}

// Operation returns the operation on a target. The error wraps ErrMalformed.
func (a *Assignment) Operation(t rooms.Target) (cluster.Operation, error) {
	if len(a.Value) == 0 {
		return nil, fmt.Errorf("%w: data of sockets without a value", ErrMalformed)
	}
	var value sio.Data
	if err := value.UnmarshalJSON(a.Value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return cluster.SetData{Target: t, Key: string(a.Key), Value: value}, nil
}
