// Package backend has the handler backend: the Caddy module socketio.handlers.backend.
// It sends events to an application as HTTP requests through Caddy's HTTP handlers, and
// applies the replies to sockets.
//
// Clients choose values in events. The package parses all HTTP routes of a backend and
// accepts such values only in listed places, where it escapes them.
package backend
