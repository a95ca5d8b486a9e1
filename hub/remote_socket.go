package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// RemoteSocket describes a socket on any node, as it was when [Broadcast.FetchSockets]
// was called. Its methods reach the socket on its node.
type RemoteSocket struct {
	cluster.Socket
	ns         *Namespace
	connection Connection // empty for a socket of this node
}

// Emit emits an event to the socket, see [Broadcast.Emit].
func (r RemoteSocket) Emit(event string, args ...any) error {
	_, err := r.asBroadcast().Emit(event, args...)
	return err
}

// Join makes the socket join rooms.
func (r RemoteSocket) Join(rooms ...string) error {
	_, err := r.asBroadcast().SocketsJoin(rooms...)
	return err
}

// Leave makes the socket leave rooms.
func (r RemoteSocket) Leave(rooms ...string) error {
	_, err := r.asBroadcast().SocketsLeave(rooms...)
	return err
}

// Set sets a key of the socket's data, see [Broadcast.SocketsSet].
func (r RemoteSocket) Set(key string, value any) error {
	_, err := r.asBroadcast().SocketsSet(key, value)
	return err
}

// Disconnect disconnects the socket or, with close, its whole connection.
func (r RemoteSocket) Disconnect(close bool) error {
	_, err := r.asBroadcast().DisconnectSockets(close)
	return err
}

// asBroadcast returns a broadcast to this socket.
func (r RemoteSocket) asBroadcast() Broadcast { return r.ns.To(r.ID) }

// describeSocketPage describes up to limit sockets of this node in the order of their
// ids, beginning after an id.
func (ns *Namespace) describeSocketPage(t rooms.Target, after string, limit int) cluster.Sockets {
	var list []*Socket
	ns.forEachSocket(t, func(s *Socket) bool {
		if s.id > after && s.isAccepted() {
			list = append(list, s)
		}
		return true
	})
	slices.SortFunc(list, func(a, b *Socket) int { return strings.Compare(a.id, b.id) })
	list = list[:min(len(list), limit)]
	found := make(cluster.Sockets, len(list))
	for i, s := range list {
		found[i] = s.describeSocket()
	}
	return found
}

// describeSocket returns the socket's description for other nodes and listings.
func (s *Socket) describeSocket() cluster.Socket {
	h := s.Handshake()
	headers := make(map[string]string, len(h.Header))
	for name, values := range h.Header {
		headers[lowerHeaderName(name)] = joinHeaderValues(values)
	}
	query := make(map[string]string)
	for key, values := range h.Query() {
		query[key] = values[len(values)-1]
	}
	return cluster.Socket{
		ID:    s.id,
		Rooms: s.Rooms(),
		Data:  jsonWithoutAttachments(s.Data()),
		Handshake: cluster.Handshake{
			Headers: headers,
			Time:    h.Time.Format(time.RFC3339),
			Address: h.Address,
			XDomain: h.Header.Get("Origin") != "",
			Secure:  h.Secure,
			Issued:  h.Time.UnixMilli(),
			URL:     h.URL,
			Query:   query,
			Auth:    jsonWithoutAttachments(s.auth),
		},
	}
}

// lowerHeaderName returns a header's name as Node.js has it.
func lowerHeaderName(name string) string { return strings.ToLower(name) }

// joinHeaderValues returns a header's value as Node.js has it.
func joinHeaderValues(values []string) string { return strings.Join(values, ", ") }
