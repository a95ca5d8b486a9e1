package frames

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/gorilla/websocket"
)

var (
	// ErrLost means that reading from the [Wire] failed: nothing can be sent either.
	ErrLost = errors.New("connection lost")
	// ErrIdle is the error of a [Wire] that has no bytes for [Reader.AwaitBytes]. It ends
	// the call, not the reading.
	ErrIdle = errors.New("connection is idle")
	// ErrTooLarge means that a message exceeds its limit, compressed or decompressed.
	// An [Error] wraps it.
	ErrTooLarge = errors.New("message is larger than the limit")

	errText      = errors.New("text is not valid UTF-8")
	errFragments = errors.New("message is split into too many frames")
)

// CloseError means that the client sent a close frame.
type CloseError struct {
	// Status is the status of the close frame that replies: the client's own, or 0
	// for a close frame without status.
	Status int
}

func (e *CloseError) Error() string { return fmt.Sprintf("client closed with status %d", e.Status) }

// Error means that the client broke the WebSocket protocol, or exceeded a limit.
type Error struct {
	// CloseFrame is the whole close frame that the client is to get.
	CloseFrame []byte

	cause error
}

func (e *Error) Error() string { return "read frames: " + e.cause.Error() }

// Unwrap returns the cause, for example [ErrTooLarge].
func (e *Error) Unwrap() error { return e.cause }

// wrapError turns an error of gorilla, or of this package, into [ErrLost], a
// [*CloseError] or an [*Error]. It returns any other error as it is.
func (r *Reader) wrapError(err error) error {
	if errors.Is(err, websocket.ErrReadLimit) { // gorilla's, also for a size that no integer holds
		err = ErrTooLarge
	}
	if r.lost != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok {
		return &CloseError{r.replyStatus(e.Code)}
	}
	if r.breach != nil {
		r.breach.cause = err
		return r.breach
	}
	switch {
	case errors.Is(err, errText), isCorruptDeflate(err):
		return &Error{CloseFrame(websocket.CloseInvalidFramePayloadData), err}
	case errors.Is(err, ErrTooLarge):
		return &Error{CloseFrame(websocket.CloseMessageTooBig), err}
	case errors.Is(err, errFragments):
		return &Error{CloseFrame(PolicyViolation), err}
	}
	return err
}

// isCorruptDeflate reports whether a message could not be decompressed.
func isCorruptDeflate(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, io.ErrUnexpectedEOF)
}
