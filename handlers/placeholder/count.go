package placeholder

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const (
	roomPrefix        = "room."
	clusterRoomPrefix = "cluster.room."
)

// roomCount is a kind of placeholders for a room: {room.NAME.size} for instance.
type roomCount struct {
	prefix, suffix string // of the name of the room
	read           func(ev *hub.Event, room string) sio.Data
}

// roomCounts are all of them. A suffix that ends in another one comes first.
var roomCounts = []roomCount{
	{clusterRoomPrefix, ".size", func(ev *hub.Event, room string) sio.Data { return numberData(ev.ClusterRoomSize(room)) }},
	{roomPrefix, ".members.size", func(ev *hub.Event, room string) sio.Data { return numberData(ev.RoomMemberCount(room)) }},
	{roomPrefix, ".size", func(ev *hub.Event, room string) sio.Data { return numberData(ev.RoomSize(room)) }},
	{roomPrefix, ".members", (*hub.Event).RoomMembers},
}

// namespaceCounts are the numbers of sockets in the namespace, by their placeholders.
var namespaceCounts = map[string]func(ev *hub.Event) int{
	"namespace.size":         (*hub.Event).NamespaceSize,
	"cluster.namespace.size": (*hub.Event).ClusterSize,
}

// count is a placeholder for the sockets or members of a room or of the namespace.
type count struct {
	namespace func(ev *hub.Event) int // nil for a count of a room
	kind      *roomCount
	room      Text // the name of the room
}

// newCount compiles the name of a placeholder, if it is a count. Otherwise it returns nil.
// The error says that the name of the room is wrong.
func newCount(name string) (*count, error) {
	if read := namespaceCounts[name]; read != nil {
		return &count{namespace: read}, nil
	}
	room, kind := cutRoom(name)
	if kind == nil {
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
	return &count{kind: kind, room: text}, nil
}

// cutRoom returns the name of the room in a count of a room, and the kind of the count,
// nil for other placeholders.
func cutRoom(name string) (room string, kind *roomCount) {
	for i := range roomCounts {
		kind := &roomCounts[i]
		if rest, ok := strings.CutPrefix(name, kind.prefix); ok {
			if room, ok := strings.CutSuffix(rest, kind.suffix); ok {
				return room, kind
			}
		}
	}
	return "", nil
}

// readFor returns the count for an event. Without a complete name of a room it has no
// value.
func (c *count) readFor(ev *hub.Event) (sio.Data, bool) {
	if c.namespace != nil {
		return numberData(c.namespace(ev)), true
	}
	room, complete, err := c.room.Name(ev)
	if err != nil || !complete {
		return sio.Data{}, false
	}
	return c.kind.read(ev, room), true
}

func numberData(n int) sio.Data { return sio.Data{JSON: strconv.AppendInt(nil, int64(n), 10)} }
