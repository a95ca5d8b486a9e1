// Package handlers has the handlers join, leave, emit, ack, set and disconnect: Caddy
// modules in the namespace socketio.handlers. Importing the package registers them. The
// handlers backend, jwt and require have packages of their own below it.
//
// A handler of your own is a Caddy module in that namespace that implements
// [hub.Handler]. With UnmarshalCaddyfile it works inside on blocks too. Package
// placeholder gives its settings the placeholders that the handlers here have.
package handlers
