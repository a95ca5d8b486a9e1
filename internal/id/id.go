// Package id makes the random ids of sessions, sockets and lost sockets.
package id

import (
	"crypto/rand"
	"encoding/base64"
)

// New returns an id that can't be guessed: 120 random bits in 20 characters of the
// URL-safe base64 alphabet, as the ids of Socket.IO's own server have.
func New() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
