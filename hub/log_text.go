package hub

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/internal/redact"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const (
	// maxLogText is how many bytes of a client's text a line of the log has, escapes included.
	maxLogText = 200
	// maxLoggedRoom is the limit of the name of a room.
	maxLoggedRoom = 64
	// idLength is the number of characters of an id of package id.
	idLength = 20
)

// shortenText cuts a text of a client to maxLogText bytes.
func shortenText(text string) string { return redact.Cut(text, maxLogText) }

// RoomForLog returns the name of a room, or the id of a socket, for the log: shortened, and
// with a hash in place of each id that may be the secret of a connection, see [Socket.ID]. Ids
// of sockets of this node that are no secrets stay.
func RoomForLog(ns *Namespace, room string) string {
	var hidden strings.Builder
	shown := 0 // up to here the name is in hidden
	for at := 0; at+idLength <= len(room) && hidden.Len()+at-shown <= maxLoggedRoom; at++ {
		if found := room[at : at+idLength]; id.IsOwn(found) && !ns.isPublicID(found) {
			hidden.WriteString(room[shown:at])
			hidden.WriteString(id.ForLog(found))
			shown = at + idLength
			at = shown - 1
		}
	}
	hidden.WriteString(room[shown:])
	return redact.Cut(hidden.String(), maxLoggedRoom)
}

// loggedRoom is a room whose name is computed when a line is written, see [RoomForLog].
type loggedRoom struct {
	ns   *Namespace
	name string
}

// String returns the name for the log.
func (r loggedRoom) String() string { return RoomForLog(r.ns, r.name) }

// isPublicID reports whether an id is the one of a socket that clients of Socket.IO 3 or later
// have.
func (ns *Namespace) isPublicID(socketID string) bool {
	s, ok := ns.Socket(socketID)
	return ok && s.client.version == sio.V5
}
