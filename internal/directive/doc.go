// Package directive parses parts of a Caddyfile that several handlers share.
package directive
