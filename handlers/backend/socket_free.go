package backend

import (
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// CheckSocketFree returns an error if a placeholder in the routes needs a socket.
// Placeholders of the HTTP request are accepted: they are about the request to the
// backend, which has no headers of a client then.
func (b *Handler) CheckSocketFree() error {
	config, err := decodeConfig(b.Routes)
	if err != nil {
		return err
	}
	for text := range allStrings(config) {
		for _, name := range findPlaceholders(text) {
			if isEventName(name) && name != "event.name" && name != "event.room" {
				return fmt.Errorf("{%s} needs a socket", name)
			}
		}
	}
	return nil
}

// applyWithoutSocket does the operations of a reply to an event without a socket. Nothing
// is done if the reply has a key that needs a socket, and the error says so.
func (a *reply) applyWithoutSocket(ev *hub.Event) error {
	if len(a.Data)+len(a.Leave)+len(a.Join) > 0 || a.Ack != nil || a.Disconnect {
		return errors.New("the reply has data, leave, join, ack or disconnect, but the event has no socket")
	}
	for i, e := range a.Emit {
		if e.Namespace == "" && e.To == nil && len(e.Except) == 0 && !e.Broadcast {
			return fmt.Errorf("emit %d: expected to, except, broadcast or namespace: the event has no socket", i)
		}
	}
	ns := ev.Namespace()
	if err := a.changeSockets(ev); err != nil {
		return err
	}
	for _, e := range a.Emit {
		if e.Namespace == "" {
			e.Namespace = ns.Name()
		}
		if err := e.emitInNamespace(ev, hub.Args(sio.Array(e.Args...))); err != nil {
			return err
		}
	}
	if err := a.disconnectSockets(ev); err != nil {
		return err
	}
	if a.Error != nil {
		return &refusedError{a.Error.clientError()}
	}
	return nil
}

var _ hub.SocketFree = (*Handler)(nil)
