package adminui

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/redact"
)

// socketMessage describes a socket to the web app.
type socketMessage struct {
	ID        string            `json:"id"`
	ClientID  string            `json:"clientId"`
	Transport string            `json:"transport"`
	Namespace string            `json:"nsp"`
	Data      json.RawMessage   `json:"data"`
	Handshake cluster.Handshake `json:"handshake"`
	Rooms     []string          `json:"rooms"`
}

// maxSocketSize is how many bytes of a socket are shown. A client must not make viewers slow
// clients by its data, its rooms or its headers.
const maxSocketSize = 4 << 10

// newSocketMessage describes a socket. It has neither the auth of the handshake nor the
// values of secret headers and parameters of the query.
func newSocketMessage(s hub.RemoteSocket, namespace string) socketMessage {
	connection := s.Connection()
	m := socketMessage{
		ID: s.ID, ClientID: connection.ClientID, Transport: connection.Transport, Namespace: namespace,
		Data: clipData(s.Data, maxSocketSize), Handshake: s.Handshake, Rooms: s.Rooms,
	}
	if len(m.Data) == 0 || string(m.Data) == "null" {
		m.Data = json.RawMessage("{}")
	}
	if m.Rooms == nil {
		m.Rooms = []string{}
	}
	m.Handshake.Auth = nil
	m.Handshake.Headers, m.Handshake.Query = redact.Values(s.Handshake.Headers), redact.Values(s.Handshake.Query)
	m.Handshake.URL = redact.URL(s.Handshake.URL)
	return m
}

// clipData returns the data of a socket as it is shown: its size in place of larger data.
func clipData(data json.RawMessage, limit int) json.RawMessage {
	if len(data) <= limit {
		return data
	}
	return fmt.Appendf(nil, `{"(too large)":"%d bytes"}`, len(data))
}

// encode returns the message as JSON, in about limit bytes: larger ones lose large data, the
// headers, the query, and rooms. It returns nothing for data that is not JSON.
func (m socketMessage) encode(limit int) []byte {
	text, err := json.Marshal(m)
	if err == nil && len(text) <= limit {
		return text
	}
	m.Data = clipData(m.Data, limit/4)
	m.Handshake.Headers, m.Handshake.Query, m.Handshake.URL = map[string]string{}, map[string]string{}, ""
	left, fitting := limit/4, 0
	for _, room := range m.Rooms {
		if left -= len(room); left < 0 {
			break
		}
		fitting++
	}
	m.Rooms = m.Rooms[:fitting]
	text, _ = json.Marshal(m)
	return text
}

// encodeSockets returns a list of messages in maxSocketBytes. If necessary, it shortens the
// large ones first: they must not keep others out. It returns the number of messages, too.
func encodeSockets(messages []socketMessage) (list []byte, count int) {
	for limit := maxSocketSize; ; limit /= 2 {
		list, count = []byte{'['}, 0
		fits := true
		for _, m := range messages {
			text := m.encode(limit)
			if text == nil {
				continue
			}
			if fits = len(list)+len(text)+2 <= maxSocketBytes; !fits {
				break
			}
			if count++; count > 1 {
				list = append(list, ',')
			}
			list = append(list, text...)
		}
		if fits || limit <= minSocketSize {
			return append(list, ']'), count
		}
	}
}

// serverStats is the message server_stats.
type serverStats struct {
	ServerID   string            `json:"serverId"`
	Hostname   string            `json:"hostname"`
	PID        int               `json:"pid"`
	Uptime     float64           `json:"uptime"`
	Clients    int               `json:"clientsCount"`
	Polling    int               `json:"pollingClientsCount"`
	Aggregated []aggregatedEvent `json:"aggregatedEvents"`
	Namespaces []namespaceSize   `json:"namespaces"`
}

// aggregatedEvent is how often something happened since the last message.
type aggregatedEvent struct {
	Timestamp int64  `json:"timestamp"` // in milliseconds since 1970, of a whole second
	Type      string `json:"type"`
	SubType   string `json:"subType,omitempty"`
	Count     uint64 `json:"count"`
}

// namespaceSize is the number of sockets in a namespace on this node.
type namespaceSize struct {
	Name    string `json:"name"`
	Sockets int    `json:"socketsCount"`
}

// maxNamespaces is how many namespaces a message has. Clients choose the names of
// namespaces that a glob declares.
const maxNamespaces = 1000

var (
	hostname, _ = os.Hostname()
	startTime   = time.Now()
)

// newServerStats returns the statistics of the hub now, with the changes of the engine's
// counters since last.
func newServerStats(h *hub.Hub, last, current *hub.EngineStats, now time.Time) serverStats {
	stats := serverStats{
		ServerID: hub.NodeName(), Hostname: hostname, PID: os.Getpid(), Uptime: time.Since(startTime).Seconds(),
		Clients: current.Polling + current.WebSocket, Polling: current.Polling,
		Aggregated: []aggregatedEvent{}, Namespaces: []namespaceSize{},
	}
	add := func(name, subType string, old, current uint64) {
		if current > old {
			stats.Aggregated = append(stats.Aggregated, aggregatedEvent{now.Truncate(time.Second).UnixMilli(), name, subType, current - old})
		}
	}
	add("rawConnection", "", last.Opened, current.Opened)
	for reason, closed := range current.Closed {
		add("rawDisconnection", reason, last.Closed[reason], closed)
	}
	add("packetsIn", "", last.PacketsIn, current.PacketsIn)
	add("packetsOut", "", last.PacketsOut, current.PacketsOut)
	add("bytesIn", "", last.BytesIn, current.BytesIn)
	add("bytesOut", "", last.BytesOut, current.BytesOut)
	for _, ns := range h.Namespaces() {
		if len(stats.Namespaces) == maxNamespaces {
			break
		}
		stats.Namespaces = append(stats.Namespaces, namespaceSize{ns.Name(), ns.Len()})
	}
	return stats
}

// isoTime returns a time as JavaScript writes dates.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
