// Package id makes the random ids of sessions, sockets and lost sockets, and shortens secret
// ones for logs.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// An id has randomBytes, and then checkBytes that are computed from them.
const (
	randomBytes = 13
	checkBytes  = 2
	length      = (randomBytes + checkBytes) * 8 / 6 // characters
)

// New returns an id that can't be guessed: 104 random bits and 16 bits by which [IsOwn]
// recognizes it, in 20 characters of the URL-safe base64 alphabet, as the ids of
// Socket.IO's own server have.
func New() string {
	var b [randomBytes + checkBytes]byte
	_, _ = rand.Read(b[:randomBytes]) // never fails
	check := computeCheck(b[:randomBytes])
	copy(b[randomBytes:], check[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IsOwn reports whether New made the text, in any process. The same is reported for one in
// 65,536 of other texts that have the form of an id, the ids of Node.js servers for
// instance.
func IsOwn(text string) bool {
	if len(text) != length {
		return false
	}
	var b [randomBytes + checkBytes]byte
	if n, err := base64.RawURLEncoding.Decode(b[:], []byte(text)); err != nil || n != len(b) {
		return false
	}
	return computeCheck(b[:randomBytes]) == [checkBytes]byte(b[randomBytes:])
}

// ForLog returns a short text that identifies a secret id in logs and reveals nothing of it:
// the first 4 bytes of its SHA-256 hash as hexadecimal digits. The action hash of Caddy's log
// filters returns the same for the id in a URL.
func ForLog(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}

// computeCheck returns the check of the random part of an id.
func computeCheck(random []byte) (check [checkBytes]byte) {
	const prefix = "caddy-socketio id "
	var data [len(prefix) + randomBytes]byte
	copy(data[copy(data[:], prefix):], random)
	sum := sha256.Sum256(data[:])
	copy(check[:], sum[:])
	return check
}
