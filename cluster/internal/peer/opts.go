package peer

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Where says which sockets are meant.
type Where struct {
	Rooms  List `json:"rooms"`
	Except List `json:"except"`
}

// NewWhere returns what means the sockets of a target.
func NewWhere(t rooms.Target) Where {
	return Where{Rooms: append(List{}, t.In...), Except: append(List{}, t.Except...)}
}

// Target returns which sockets are meant.
func (w *Where) Target() rooms.Target { return rooms.Target{In: w.Rooms, Except: w.Except} }

// Opts say which sockets are meant, and how.
type Opts struct {
	Where
	Flags Flags `json:"flags"`
}

// NewOpts returns the options for a target, without flags.
func NewOpts(t rooms.Target) Opts { return Opts{Where: NewWhere(t)} }

// NewEmitOpts returns the options of an emit, which is to be acknowledged in a time
// given in milliseconds, unless that is 0.
func NewEmitOpts(op *cluster.Emit, timeout int64) Opts {
	o := NewOpts(op.Target)
	o.Flags = Flags{Volatile: op.Volatile, Timeout: timeout}
	if op.NoCompress {
		o.Flags.Compress = new(false)
	}
	return o
}

// Emit returns the emit of an event with these options.
func (o *Opts) Emit(event sio.Data) (op cluster.Emit, err error) {
	op.Target, op.Flags, op.Data = o.Target(), o.Flags.Of(), event
	if !IsEvent(event) {
		return op, fmt.Errorf("%w: packet without an event", ErrMalformed)
	}
	return op, nil
}

// Flags are the modifiers of an emit.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
}

// Of returns the modifiers as they are called here.
func (f *Flags) Of() cluster.Flags {
	return cluster.Flags{Volatile: f.Volatile, NoCompress: f.Compress != nil && !*f.Compress}
}

// UnmarshalJSON reads an object; anything else is as good as none.
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
	return nil
}
