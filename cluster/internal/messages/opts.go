package messages

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// TargetJSON is the target of an operation as Node.js writes it.
type TargetJSON struct {
	// Rooms are the rooms of the target; none means all sockets of the namespace.
	Rooms RoomList `json:"rooms"`
	// Except are the excluded rooms.
	Except RoomList `json:"except"`
}

// NewTargetJSON returns a target as Node.js writes it.
func NewTargetJSON(t rooms.Target) TargetJSON {
	return TargetJSON{Rooms: append(RoomList{}, t.In...), Except: append(RoomList{}, t.Except...)}
}

// Target returns the target.
func (w *TargetJSON) Target() rooms.Target { return rooms.Target{In: w.Rooms, Except: w.Except} }

// Opts are the target and the flags of an operation.
type Opts struct {
	TargetJSON
	Flags Flags `json:"flags"`
}

// NewOpts returns options with a target and no flags.
func NewOpts(t rooms.Target) Opts { return Opts{TargetJSON: NewTargetJSON(t)} }

// NewEmitOpts returns the options of an emit. Timeout, in milliseconds, is for the
// acknowledgements of clients; 0 requests none.
func NewEmitOpts(op *cluster.Emit, timeout int64) Opts {
	o := NewOpts(op.Target)
	o.Flags = Flags{Volatile: op.Volatile, Timeout: timeout}
	if op.Trace != nil {
		o.Flags.Traceparent = op.Trace.String()
	}
	if op.NoCompress {
		o.Flags.Compress = new(false)
	}
	return o
}

// Emit returns the emit of an event with these options. The error wraps ErrMalformed.
func (o *Opts) Emit(event sio.Data) (op cluster.Emit, err error) {
	op.Target, op.Flags, op.Data = o.Target(), o.Flags.ClusterFlags(), event
	op.Trace = cluster.ParseTraceparent(o.Flags.Traceparent)
	if !IsEvent(event) {
		return op, fmt.Errorf("%w: packet without an event", ErrMalformed)
	}
	return op, nil
}

// Flags are the flags of an emit.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
	// Traceparent is a header of W3C's Trace Context. Only Caddy sends and reads it: Node.js
	// ignores flags that it does not know.
	Traceparent string `json:"traceparent,omitempty"`
}

// ClusterFlags returns the flags as package cluster defines them.
func (f *Flags) ClusterFlags() cluster.Flags {
	return cluster.Flags{Volatile: f.Volatile, NoCompress: f.Compress != nil && !*f.Compress}
}

// UnmarshalJSON reads an object; any other value gives no flags.
func (f *Flags) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return nil
	}
	f.Volatile = string(members["volatile"]) == "true"
	if f.Compress = nil; string(members["compress"]) == "false" {
		f.Compress = new(false)
	}
	if ms, err := strconv.ParseFloat(string(members["timeout"]), 64); err == nil && ms > 0 && ms < 1e12 {
		f.Timeout = int64(ms)
	}
	f.Traceparent = strings.Trim(string(members["traceparent"]), `"`)
	return nil
}
