package hub

import (
	"maps"
	"net/url"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// HandshakeRequest is the HTTP request that opened a connection. It must not be changed.
type HandshakeRequest = engine.Handshake

// Handshake is how a socket's client connected: the request that opened its
// connection, and its connect packet.
type Handshake struct {
	*HandshakeRequest
	// Auth is the JSON object of the connect packet, an empty one when the client
	// sent none. Clients of Socket.IO 2 have the query for it: theirs is an object
	// of strings.
	Auth sio.Data

	query string // of the namespace
}

// Query returns the query of the request, with the namespace's own parameters, which
// clients of Socket.IO 2 may add and which win.
func (h Handshake) Query() url.Values {
	merged := h.HandshakeRequest.Query()
	own, _ := url.ParseQuery(h.query) // as much as can be read of it
	maps.Copy(merged, own)
	return merged
}
