package hub

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// nodeMessagePrefix begins the names of server-side emits that hubs send to each other.
// Servers of Node.js have no listener for such a name, and ignore it.
const nodeMessagePrefix = "caddy-socketio:"

// rosterEvent is the name of the messages of rosters.
const rosterEvent = nodeMessagePrefix + "roster"

// publishNodeMessage publishes a message to the hubs of the namespace on other nodes. The
// payload is text, so that no adapter changes it.
func (ns *Namespace) publishNodeMessage(l *link, event string, payload []byte) {
	op := cluster.ServerEmit{Data: sio.Array(sio.Quote(event), sio.Quote(string(payload)))}
	ns.countUnpublished(l.publish(ns.log(), op))
}

// handleServerEmit handles a server-side emit of another node. Messages between hubs are
// for this hub alone. A message of an unknown name is ignored: a later version may have
// sent it.
func (ns *Namespace) handleServerEmit(op cluster.ServerEmit) {
	name, ok := strings.CutPrefix(eventName(op.Data), nodeMessagePrefix)
	if !ok {
		return
	}
	payload, _ := op.Data.Index(1)
	if nodeMessagePrefix+name == rosterEvent {
		ns.handleRosterMessage(payload)
		return
	}
	if ns.name == "/" {
		if listener, ok := ns.hub.nodeListeners.Load(name); ok {
			listener.(func([]byte))([]byte(payload.Text()))
		}
	}
}

// SendToNodes sends a message to the hub of that name on the other nodes of the cluster. It
// does not wait for them, and is lost where the cluster is away. The payload is UTF-8.
func (h *Hub) SendToNodes(name string, payload []byte) {
	ns := h.Of("/")
	if l := ns.link.Load(); l.cluster != cluster.Alone {
		ns.publishNodeMessage(l, nodeMessagePrefix+name, payload)
	}
}

// OnNodeMessage calls fn with each message of a name that other nodes send by SendToNodes.
// fn must not wait. It replaces the function that was set before.
func (h *Hub) OnNodeMessage(name string, fn func(payload []byte)) { h.nodeListeners.Store(name, fn) }

// eventName returns the name of an event, empty if its data is malformed.
func eventName(data sio.Data) string {
	name, _ := data.Index(0)
	return name.Text()
}

// reservedServerEvents are names of server-side emits that Socket.IO servers reserve.
var reservedServerEvents = []string{"connect", "connection", "new_namespace"}

// CheckServerEvent returns an error for the name of a server-side emit that Socket.IO
// servers or the hubs of other nodes reserve. The error wraps [ErrEvent].
func CheckServerEvent(name string) error {
	if slices.Contains(reservedServerEvents, name) {
		return fmt.Errorf("%w: %q", ErrEvent, name)
	}
	if strings.HasPrefix(name, nodeMessagePrefix) {
		return fmt.Errorf("%w: %q begins with %q, which is for messages between nodes", ErrEvent, name, nodeMessagePrefix)
	}
	return nil
}

// checkServerEmit returns an error for a server-side emit with a reserved name.
func checkServerEmit(message any) error {
	switch message := message.(type) {
	case cluster.ServerEmit:
		return CheckServerEvent(eventName(message.Data))
	case cluster.ServerEmitAck:
		return CheckServerEvent(eventName(message.Data))
	}
	return nil
}
