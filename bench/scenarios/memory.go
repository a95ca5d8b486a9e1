package scenarios

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// settleTime is the wait before memory is read: the goal holds from the first second on.
const settleTime = time.Second

// memoryRun measures the resident memory of connections to one server.
type memoryRun struct {
	server  *servers.Server
	loop    *load.Loop
	options load.Options // of the clients
	empty   int64        // bytes without connections, after the server has served some
}

// withMemoryRun starts a server and measures its memory without connections. The server has
// TLS if the transport of the clients does.
func (r *Run) withMemoryRun(so servers.Options, transport load.Transport, measure func(*memoryRun) error) error {
	so.TLS = transport == load.TLS
	return r.withServer(so, func(server *servers.Server, loop *load.Loop) error {
		m := &memoryRun{server: server, loop: loop, options: r.connectOptions(server)}
		m.options.Transport = transport
		if err := m.measureEmpty(); err != nil {
			return err
		}
		return measure(m)
	})
}

// measureEmpty opens some connections, closes them, and reads the memory that is left.
func (m *memoryRun) measureEmpty() error {
	clients, err := m.loop.Open(200, m.options)
	if err != nil {
		return err
	}
	closeAll(clients, m.loop)
	m.server.AwaitIdle()
	if err := m.server.Collect(); err != nil {
		return err
	}
	m.empty, err = m.server.RSS()
	return err
}

// addIdle adds the resident memory of a connection, in bytes.
func (m *memoryRun) addIdle(values map[string]float64, connections int) error {
	return m.addMemory(values, "idle", connections)
}

// addCollected adds the resident memory of a connection after a collection of garbage, in bytes.
func (m *memoryRun) addCollected(values map[string]float64, connections int) error {
	if err := m.server.Collect(); err != nil {
		return err
	}
	return m.addMemory(values, "collected", connections)
}

func (m *memoryRun) addMemory(values map[string]float64, name string, connections int) error {
	rss, err := m.server.RSS()
	values[name] = float64(rss-m.empty) / float64(connections)
	return err
}
