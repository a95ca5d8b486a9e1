package placeholder

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// allArguments is the placeholder for the list of all arguments of an event.
const allArguments = "event.args.*"

// Args are the arguments of an emit or an acknowledgement. The argument
// "{event.args.*}" stands for all arguments of the event.
type Args []Value

// NewArgs compiles arguments. The error names the index of the wrong one.
func NewArgs(raw []json.RawMessage) (Args, error) {
	args := make(Args, len(raw))
	for i, r := range raw {
		v, err := NewValue(r)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		args[i] = v
	}
	return args, nil
}

// For returns the arguments for an event, as a JSON array.
func (a Args) For(ev *hub.Event) hub.Args {
	var few [4]sio.Data // most events have no more: no allocation
	items := few[:0]
	for i := range a {
		v := &a[i]
		switch {
		case v.single == nil:
			items = append(items, v.For(ev))
		case v.single.isSpread():
			for item := range ev.Args.Elements() {
				items = append(items, item)
			}
		default:
			items = append(items, v.single.valueFor(ev)) // Array makes a wrong one null
		}
	}
	return hub.Args(sio.Array(items...))
}

// isSpread reports whether the placeholder stands for several arguments.
func (k *key) isSpread() bool { return k.name == allArguments && k.fallback == nil }

// Keys returns the placeholders of all arguments, without braces.
func (a Args) Keys() (keys []string) {
	for _, v := range a {
		keys = append(keys, v.Keys()...)
	}
	return keys
}

// ReadsCounts reports whether an argument has the number of sockets in a room or in the
// namespace.
func (a Args) ReadsCounts() bool { return slices.ContainsFunc(a, Value.ReadsCounts) }
