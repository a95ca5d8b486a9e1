package hub

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// ClientError is an error whose message is sent to the client, in a connect error or in
// the acknowledgement {"error": MESSAGE}. The text of any other error is logged, and the
// client gets "internal error".
type ClientError struct {
	// Message is the text for the client.
	Message string
	// Data is the data of a connect error: one JSON value, or nothing.
	Data sio.Data
	// FailedAttempt means that the client may be guessing a secret, like a token or a
	// password. On [Connect] it counts as a failed attempt of the client's address, see
	// [AddressLimits].
	FailedAttempt bool
}

// Error returns the message.
func (e *ClientError) Error() string { return e.Message }

// Outage is a temporary error that the client did not cause. On Connect it closes the
// client's whole connection: official clients reconnect after that, and do not after a
// connect error.
type Outage struct{ Err error }

// Error returns the text of the cause.
func (o *Outage) Error() string { return "outage: " + o.Err.Error() }

// Unwrap returns the cause.
func (o *Outage) Unwrap() error { return o.Err }

// Errors of operations on sockets.
var (
	// ErrDisconnected means that the socket is disconnected.
	ErrDisconnected = errors.New("socket has been disconnected")
	// ErrTimeout means that an acknowledgement did not come in time.
	ErrTimeout = errors.New("operation has timed out")
	// ErrRoom means that a room's name is empty, too long or not UTF-8.
	ErrRoom = errors.New("bad room name")
	// ErrEvent means that clients refuse the event's name.
	ErrEvent = errors.New("reserved event name")
	// ErrDataFull means that a socket's data would become larger than allowed.
	ErrDataFull = errors.New("socket data is full")
)

// Errors that clients get for single packets.
var (
	errRateLimit = &ClientError{Message: "rate limit exceeded"}
	errEventName = &ClientError{Message: "bad event name: half of a surrogate pair"}
)

// Connect errors of a connection.
var (
	errAuthTooLarge      = &ClientError{Message: "Auth is too large"}
	errTooManyNamespaces = &ClientError{Message: "Too many namespaces"}
	// errConnectPending is not sent: a client of Socket.IO 2 sent a second connect
	// packet while the first one was held.
	errConnectPending = &ClientError{Message: "Connecting already"}
)

// Errors for the log.
var (
	errAttachments      = errors.New("receive attachments: timeout")
	errTooManyRooms     = rooms.ErrTooManyRooms
	errRoomFull         = rooms.ErrRoomFull
	errPanicked         = errors.New("a handler panicked")
	errNotConnected     = errors.New("packet for a namespace that the client is not connected to")
	errAlreadyConnected = errors.New("second connect packet for a namespace")
	errRouteRemoved     = errors.New("route was removed from the config")
)

// internalError is the message for errors that are not a [ClientError].
const internalError = "internal error"

// isOutage reports whether err is an [Outage].
func isOutage(err error) bool {
	_, ok := errors.AsType[*Outage](err)
	return ok
}

// clientErrorOf returns err as the client gets it.
func clientErrorOf(err error) *ClientError {
	if r, ok := errors.AsType[*ClientError](err); ok {
		return r
	}
	for _, cause := range []error{ErrRoom, ErrDataFull, ErrMemory, errTooManyRooms, errRoomFull} {
		if errors.Is(err, cause) {
			return &ClientError{Message: err.Error()} // a value that the client sent may be the cause
		}
	}
	return &ClientError{Message: internalError}
}

// sendConnectError sends a connect error. It is sent without its data if that can't be
// encoded.
func (c *client) sendConnectError(namespace string, e *ClientError) {
	c.observeRefusal(namespace, e.Message)
	p := sio.Packet{Type: sio.ConnectError, Namespace: namespace, Data: connectErrorData(e, c.version)}
	m, err := p.Encode(c.version, true)
	if err != nil { // the data may have attachments
		c.hub.log().Error("connect error sent without its data: encoding it failed", zap.String("namespace", namespace), zap.Error(err))
		p.Data = connectErrorData(&ClientError{Message: e.Message}, c.version)
		m, err = p.Encode(c.version, true)
	}
	if err != nil {
		c.session.CloseFor(ReasonForced, "encoding a connect error failed")
		return
	}
	c.session.Send(m)
}
