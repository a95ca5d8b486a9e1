// Package backend has the handler backend: the Caddy module socketio.handlers.backend.
// It turns an event into an HTTP request through Caddy's HTTP handlers, and does what
// the reply says.
package backend
