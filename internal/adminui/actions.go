package adminui

import (
	"context"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// actions are the events by which a viewer changes sockets.
var actions = map[string]func(target hub.Broadcast, a arguments) error{
	"join": func(target hub.Broadcast, a arguments) error {
		_, err := target.SocketsJoin(a.room)
		return err
	},
	"leave": func(target hub.Broadcast, a arguments) error {
		_, err := target.SocketsLeave(a.room)
		return err
	},
	"_disconnect": func(target hub.Broadcast, a arguments) error {
		_, err := target.DisconnectSockets(a.close)
		return err
	},
	"emit": func(target hub.Broadcast, a arguments) error {
		if err := hub.CheckEvent(a.event); err != nil {
			return &hub.ClientError{Message: err.Error()}
		}
		_, err := target.Emit(a.event, hub.Args(a.args))
		return err
	},
}

// action is the handler of one of the actions.
type action struct {
	name     string
	do       func(hub.Broadcast, arguments) error
	console  *Console
	settings *Settings
}

// arguments are the arguments of an action.
type arguments struct {
	namespace, filter string
	room              string   // of join and leave
	close             bool     // of _disconnect
	event             string   // of emit
	args              sio.Data // of emit
}

// HandleEvent implements [hub.Handler]. An error is a [hub.ClientError], which the client
// gets if its event has an ack.
func (x *action) HandleEvent(_ context.Context, ev *hub.Event) error {
	if x.settings.ReadOnly {
		return &hub.ClientError{Message: x.name + ": admin_ui is readonly"}
	}
	a, err := parseArguments(x.name, ev.Args)
	if err != nil {
		return err
	}
	var filter, room string // for the log: an id may be the secret of a connection
	found := x.console.hub.WithNamespace(a.namespace, func(ns *hub.Namespace) {
		filter, room = hub.RoomForLog(ns, a.filter), hub.RoomForLog(ns, a.room)
		target := ns.All()
		if a.filter != "" {
			target = ns.In(a.filter)
		}
		err = x.do(target, a)
	})
	if !found {
		return &hub.ClientError{Message: x.name + ": unknown namespace"}
	}
	if err != nil {
		return err
	}
	x.console.currentLog().Info("admin_ui: action", zap.String("hub", x.console.hub.Name()), zap.String("action", x.name),
		zap.String("address", ev.Socket.Handshake().Address), zap.String("namespace", a.namespace),
		zap.String("filter", filter), zap.String("room", room), zap.String("event", a.event))
	return ev.Ack()
}

// signatures are the expected arguments of the actions, for errors.
var signatures = map[string]string{
	"join":        "NAMESPACE, ROOM and optionally a room or socket id",
	"leave":       "NAMESPACE, ROOM and optionally a room or socket id",
	"_disconnect": "NAMESPACE, true or false, and optionally a room or socket id",
	"emit":        "NAMESPACE, a room, a socket id or null, and an event with its arguments",
}

// parseArguments returns the arguments of an action. The error is a [hub.ClientError].
func parseArguments(name string, args sio.Data) (a arguments, err error) {
	var list []sio.Data
	for item := range args.Elements() {
		list = append(list, item)
	}
	for len(list) < 3 { // left out, or null
		list = append(list, sio.Data{JSON: []byte("null")})
	}
	filter, ok := list[2], true
	switch name {
	case "_disconnect":
		flag := string(list[1].JSON)
		a.close, ok = flag == "true", flag == "true" || flag == "false"
	case "emit":
		filter = list[1]
		a.event, ok = parseText(list[2])
		a.args = sio.Array(list[3:]...)
	default:
		a.room, ok = parseText(list[1])
	}
	var hasNamespace bool
	a.namespace, hasNamespace = parseText(list[0])
	isAll := string(filter.JSON) == "null" || string(filter.JSON) == `""`
	if !isAll {
		var isText bool
		a.filter, isText = parseText(filter)
		ok = ok && isText
	}
	if !ok || !hasNamespace {
		return a, &hub.ClientError{Message: fmt.Sprintf("%s: expected %s", name, signatures[name])}
	}
	return a, nil
}

// parseText returns a text that is not empty. ok is false for other values.
func parseText(d sio.Data) (text string, ok bool) {
	if len(d.JSON) == 0 || d.JSON[0] != '"' {
		return "", false
	}
	text = d.Text()
	return text, text != ""
}

// refuseUnknown is the handler of all other events.
func refuseUnknown(_ context.Context, _ *hub.Event) error {
	return &hub.ClientError{Message: "unknown event: expected join, leave, _disconnect or emit"}
}
