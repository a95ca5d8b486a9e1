// Package handlers has the handlers that an event may do: the Caddy modules
// socketio.handlers.*. Each is a module like those of anybody else; importing the
// package registers them.
//
// A handler of your own is a Caddy module in that namespace that is a [hub.Handler].
// Its UnmarshalCaddyfile, if it has one, makes it usable inside on blocks.
// [Value], [Text] and [Rooms] give its settings the placeholders that the others
// have.
package handlers
