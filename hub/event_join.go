package hub

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

// errForeignID is the error for a room that is named like the id of another socket.
var errForeignID = &ClientError{Message: "room is the id of another socket"}

// Join makes the event's socket join rooms, see [Socket.Join]. It refuses a name that is
// the id of another socket, unless the rule of the event has AllowIDs: events that are
// emitted to that socket alone would reach this one, too. The error is a [ClientError]
// then, and no room is joined.
//
// It recognizes the ids that this server and others of its kind made, on all nodes, also
// of sockets that are gone. It recognizes the id that a Node.js server made only of a
// socket that was recovered on this node.
func (ev *Event) Join(rooms ...string) error {
	if err := ev.CheckJoin(rooms...); err != nil {
		return err
	}
	return ev.Socket.Join(rooms...)
}

// CheckJoin returns the error of Join for names that are ids of other sockets than the
// event's own. It is for handlers that make other sockets join rooms.
func (ev *Event) CheckJoin(rooms ...string) error {
	for _, room := range rooms {
		if ev.isForeignID(room) && !ev.allowsIDs() {
			return errForeignID
		}
	}
	return nil
}

// isForeignID reports whether a room's name is the id of another socket than the event's.
func (ev *Event) isForeignID(room string) bool {
	if ev.Socket != nil && room == ev.Socket.id {
		return false
	}
	return isOwnID(room) || ev.Namespace().otherIDs.has(room)
}

// allowsIDs reports whether the rule of the event has AllowIDs.
func (ev *Event) allowsIDs() bool {
	rule := ev.Namespace().rules.Load().ruleFor(ev)
	return rule != nil && rule.allowIDs
}

// isOwnID reports whether a socket of this server, or of another of its kind, can have the
// id. The id of a client of Socket.IO 2 outside of "/" is NAMESPACE#SID.
func isOwnID(text string) bool {
	if strings.HasPrefix(text, "/") {
		if i := strings.LastIndexByte(text, '#'); i >= 0 {
			text = text[i+1:]
		}
	}
	return id.IsOwn(text)
}
