package placeholder

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// The parts of {room.NAME.size}, and {namespace.size}.
const (
	roomPrefix    = "room."
	sizeSuffix    = ".size"
	namespaceSize = "namespace.size"
)

// count is a placeholder for the number of sockets in a room or in the namespace, on this
// node.
type count struct {
	room      Text // the name of the room
	namespace bool // of the namespace, and not of a room
}

// newCount compiles the name of a placeholder, if it is a count. Otherwise it returns nil.
// The error says that the name of the room is wrong.
func newCount(name string) (*count, error) {
	if name == namespaceSize {
		return &count{namespace: true}, nil
	}
	room, ok := cutRoom(name)
	if !ok {
		return nil, nil
	}
	text, err := NewText(room)
	if err != nil {
		return nil, err
	}
	if fixed, ok := text.Literal(); ok {
		if err := hub.CheckRooms([]string{fixed}); err != nil {
			return nil, fmt.Errorf("{%s}: %w", name, err)
		}
	}
	return &count{room: text}, nil
}

// cutRoom returns the name of the room in {room.NAME.size}.
func cutRoom(name string) (room string, ok bool) {
	if room, ok = strings.CutPrefix(name, roomPrefix); !ok {
		return "", false
	}
	return strings.CutSuffix(room, sizeSuffix)
}

// readFor returns the count for an event. Without a complete name of a room it has no
// value.
func (c *count) readFor(ev *hub.Event) (sio.Data, bool) {
	if c.namespace {
		return numberData(ev.NamespaceSize()), true
	}
	room, complete, err := c.room.Name(ev)
	if err != nil || !complete {
		return sio.Data{}, false
	}
	return numberData(ev.RoomSize(room)), true
}

func numberData(n int) sio.Data { return sio.Data{JSON: strconv.AppendInt(nil, int64(n), 10)} }
