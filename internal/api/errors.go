package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an answer that is no success. It is written as {"error": MESSAGE}.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Message says what is wrong: the field at fault, and what was expected.
	Message string
	// Allow lists the methods that would do, with status 405.
	Allow string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// WriteError answers with an error: an [*Error] as it says, any other with status
// 500.
func WriteError(w http.ResponseWriter, err error) {
	e := asError(err)
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	_ = writeJSON(w, e.Status, map[string]string{"error": e.Message}) // nobody else to tell
}

// asError gives an error its status.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{
			Status:  http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit),
		}
	}
	return &Error{Status: http.StatusInternalServerError, Message: err.Error()}
}

func badRequest(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

func notAllowed(format string, args ...any) error {
	return &Error{Status: http.StatusForbidden, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// Forbidden returns the error of a request that is refused, with status 403.
func Forbidden(reason string) error { return notAllowed("%s", reason) }
