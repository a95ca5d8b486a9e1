package engine

import (
	"errors"
	"strings"
)

// Reasons that a session closes for, as Socket.IO names them. Callers of
// [Session.Close] add reasons of their own.
const (
	ReasonTransportClose = "transport close" // the client closed, or its connection was lost
	ReasonTransportError = "transport error" // the client broke the rules of its transport
	ReasonPingTimeout    = "ping timeout"    // the client was silent for too long
	ReasonParseError     = "parse error"     // a packet could not be decoded
	ReasonForced         = "forced close"    // a slow client, or a panic
)

const (
	causePanic = "a function that handles the client's packets panicked"
	// maxCause is how many bytes of an error a cause has: clients choose some.
	maxCause = 200
)

// describeCause returns the cause of a close because of an error, see [Session.CloseCause].
func describeCause(err error) string {
	if errors.Is(err, errClosePacket) {
		return "the client sent a close packet"
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxCause)], "")
}

var (
	errHeartbeat   = errors.New("ping from a client of revision 4")
	errClosePacket = errors.New("close packet")
	errProbe       = errors.New("unexpected packet on a probe")
	errClosed      = errors.New("session is closed")
	errSlow        = errors.New("message arrives too slowly")
	errIdle        = errors.New("no message is expected soon") // ends a reader, not the connection
)
