package placeholder

import (
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// spread is the placeholder that stands for all arguments of an event.
const spread = "event.args.*"

// Args are the arguments of an emit or an acknowledgement. One that is
// "{event.args.*}" stands for all arguments of the event.
type Args []Value

// NewArgs compiles arguments. The error says which one is wrong.
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
	items := make([]sio.Data, 0, len(a))
	for _, v := range a {
		if v.spreads() {
			for item := range ev.Args.Elements() {
				items = append(items, item)
			}
			continue
		}
		items = append(items, v.For(ev))
	}
	return hub.Args(sio.Array(items...))
}

func (v Value) spreads() bool {
	if len(v.cuts) != 1 || len(v.raw) > 0 {
		return false
	}
	key, ok := v.cuts[0].text.whole()
	return ok && key == spread
}
