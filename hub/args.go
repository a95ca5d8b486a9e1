package hub

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Args is a list of arguments as a JSON array. As the only argument of an emit or an
// acknowledgement it stands for its elements.
type Args sio.Data

// eventData returns an event as the JSON array that packets carry.
func eventData(event string, args []any) (sio.Data, error) {
	if err := CheckEvent(event); err != nil {
		return sio.Data{}, err
	}
	data, err := marshalArgs(args)
	if err != nil {
		return sio.Data{}, err
	}
	return sio.EventData(event, data)
}

// marshalArgs returns arguments as a JSON array. A single [Args] is returned as it is.
func marshalArgs(args []any) (sio.Data, error) {
	if len(args) == 1 {
		if list, ok := args[0].(Args); ok {
			return sio.Data(list), nil
		}
	}
	items := make([]sio.Data, len(args))
	for i, arg := range args {
		item, err := sio.Marshal(arg)
		if err != nil {
			return sio.Data{}, fmt.Errorf("argument %d: %w", i, err)
		}
		items[i] = item
	}
	return sio.Array(items...), nil
}
