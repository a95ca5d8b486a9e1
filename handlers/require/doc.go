// Package require has the handler require: the Caddy module socketio.handlers.require.
// It refuses events for which an expression in CEL does not hold.
package require
