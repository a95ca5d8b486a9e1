// Package jwt has the handler jwt: the Caddy module socketio.handlers.jwt. It verifies
// JSON Web Tokens and keeps their claims on sockets.
package jwt
