package hub

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// RemoteSocket describes a socket that may be on another node, as it was when it
// was asked for. What its methods do reaches it wherever it is.
type RemoteSocket struct {
	cluster.Socket
	ns *Namespace
}

// Emit emits an event to the socket, see [Broadcast.Emit].
func (r RemoteSocket) Emit(event string, args ...any) error {
	_, err := r.target().Emit(event, args...)
	return err
}

// Join makes the socket join rooms.
func (r RemoteSocket) Join(rooms ...string) error {
	_, err := r.target().SocketsJoin(rooms...)
	return err
}

// Leave makes the socket leave rooms.
func (r RemoteSocket) Leave(rooms ...string) error {
	_, err := r.target().SocketsLeave(rooms...)
	return err
}

// Disconnect disconnects the socket or, with close, its whole connection.
func (r RemoteSocket) Disconnect(close bool) error {
	_, err := r.target().DisconnectSockets(close)
	return err
}

func (r RemoteSocket) target() Broadcast { return r.ns.To(r.ID) }

// describe returns what other nodes and listings may know of the socket.
func (s *Socket) describe() cluster.Socket {
	h := s.Handshake()
	headers := make(map[string]string, len(h.Header))
	for name, values := range h.Header {
		headers[headerName(name)] = joinHeader(values)
	}
	query := make(map[string]string)
	for key, values := range s.Query() {
		query[key] = values[len(values)-1]
	}
	return cluster.Socket{
		ID:    s.id,
		Rooms: s.Rooms(),
		Data:  plainJSON(s.Data()),
		Handshake: cluster.Handshake{
			Headers: headers,
			Time:    h.Time.Format(time.RFC3339),
			Address: h.Address,
			XDomain: h.Header.Get("Origin") != "",
			Secure:  h.Secure,
			Issued:  h.Time.UnixMilli(),
			URL:     h.URL,
			Query:   query,
			Auth:    plainJSON(s.auth),
		},
	}
}
