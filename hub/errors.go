package hub

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// ClientError is an error whose text the client may read: the message of a connect
// error, or of the acknowledgement {"error": MESSAGE}. The text of any other
// error stays in the log, and the client reads "internal error".
type ClientError struct {
	// Message is what the client reads.
	Message string
	// Data is more that a connect error tells: one JSON value. Optional.
	Data sio.Data
}

// Error returns the message.
func (r *ClientError) Error() string { return r.Message }

// Outage is an error that is not the client's fault and may pass. On Connect it
// closes the client's whole connection: official clients come back by
// themselves after that, which they do not after a connect error.
type Outage struct{ Err error }

// Error returns the text of the cause.
func (o *Outage) Error() string { return "outage: " + o.Err.Error() }

// Unwrap returns the cause.
func (o *Outage) Unwrap() error { return o.Err }

// What operations on sockets report.
var (
	// ErrDisconnected means that the socket is gone.
	ErrDisconnected = errors.New("socket has been disconnected")
	// ErrTimeout means that an acknowledgement did not come in time.
	ErrTimeout = errors.New("operation has timed out")
	// ErrRoom means that a room's name is empty, too long or not UTF-8.
	ErrRoom = errors.New("bad room name")
	// ErrEvent means that an event's name is one that clients refuse.
	ErrEvent = errors.New("reserved event name")
	// ErrDataFull means that a socket's data would become larger than allowed.
	ErrDataFull = errors.New("socket data is full")
)

var errRateLimit = &ClientError{Message: "rate limit exceeded"}

var errEventName = &ClientError{Message: "bad event name: half of a surrogate pair"}

// Why a client is not let in, whatever the namespace.
var (
	errAuthTooLarge      = &ClientError{Message: "Auth is too large"}
	errTooManyNamespaces = &ClientError{Message: "Too many namespaces"}
	// errConnectPending is for a 2.x client that asks again while its first packet waits.
	errConnectPending = &ClientError{Message: "Asked twice"}
)

var (
	errAttachments      = errors.New("attachments did not come in time")
	errTooManyRooms     = rooms.ErrTooManyRooms
	errPanicked         = errors.New("a handler panicked")
	errNotConnected     = errors.New("packet for a namespace that was never joined")
	errAlreadyConnected = errors.New("namespace joined already")
	errRouteRemoved     = errors.New("no config has the route any more")
)

const internalError = "internal error"

func isOutage(err error) bool {
	_, ok := errors.AsType[*Outage](err)
	return ok
}

// clientErrorOf returns what a client may read of err.
func clientErrorOf(err error) *ClientError {
	if r, ok := errors.AsType[*ClientError](err); ok {
		return r
	}
	for _, cause := range []error{ErrRoom, ErrDataFull, errTooManyRooms} {
		if errors.Is(err, cause) {
			return &ClientError{Message: err.Error()} // what the client sent may be the cause
		}
	}
	return &ClientError{Message: internalError}
}

// sendConnectError sends a connect error, in the words of the client's version: 2.x knows
// no object, only the data or else the text.
func (c *client) sendConnectError(namespace string, r *ClientError) {
	p := sio.Packet{Type: sio.ConnectError, Namespace: namespace, Data: connectErrorData(r, c.version)}
	m, err := p.Encode(c.version, true)
	if err != nil { // with its data, which may be binary
		c.hub.log().Error("connect error sent without its data, which can't be encoded", zap.String("namespace", namespace), zap.Error(err))
		p.Data = connectErrorData(&ClientError{Message: r.Message}, c.version)
		m, err = p.Encode(c.version, true)
	}
	if err != nil {
		c.session.Close(ReasonForced)
		return
	}
	c.session.Send(m)
}
