package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is the error of a request. Its reply is {"error": MESSAGE}.
type Error struct {
	// Status is the HTTP status of the reply.
	Status int
	// Message names the field at fault, and the expected value.
	Message string
	// Allow is the value of the header Allow, for status 405.
	Allow string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// WriteError writes the reply to a failed request: an [*Error] with its status, any other
// error with status 500.
func WriteError(w http.ResponseWriter, err error) {
	e := asError(err)
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	_ = writeJSON(w, e.Status, map[string]string{"error": e.Message}) // the client does not read the reply
}

// asError converts an error to one with a status.
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

// Forbidden returns the error of a refused request, with status 403.
func Forbidden(reason string) error { return notAllowed("%s", reason) }
