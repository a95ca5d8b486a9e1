package redisadapter

import "unicode/utf8"

// Mode says which rooms have a channel of their own in the sharded dialect. Its values
// are the values of subscriptionMode of Node.js's adapter.
type Mode string

const (
	// Static has one channel for all rooms.
	Static Mode = "static"
	// Dynamic has a channel for each room, except for rooms named like ids of sockets.
	Dynamic Mode = "dynamic"
	// DynamicPrivate has a channel for each room.
	DynamicPrivate Mode = "dynamic-private"
)

// Valid reports whether the mode exists.
func (m Mode) Valid() bool { return m == Static || m == Dynamic || m == DynamicPrivate }

// hasChannel reports whether a room has a channel. Node.js takes every name with 20
// characters for the id of a socket, and so do all publishers.
func (m Mode) hasChannel(room string) bool {
	switch m {
	case Dynamic:
		return !looksLikeID(room)
	case DynamicPrivate:
		return true
	}
	return false
}

// looksLikeID reports whether text has 20 characters, as JavaScript counts them.
func looksLikeID(text string) bool {
	if len(text) < 20 || len(text) > 60 {
		return false
	}
	units := 0
	for _, r := range text {
		if units++; r > 0xffff {
			units++
		}
	}
	return units == 20 && utf8.ValidString(text)
}
