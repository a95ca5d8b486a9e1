package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// readContentType reports whether the body of a request is a stream of lines
// (application/x-ndjson). A type that is neither that nor application/json is an error
// with status 415.
func readContentType(r *http.Request) (stream bool, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return false, nil
	case "application/x-ndjson":
		return true, nil
	}
	return false, unsupportedType("content type %q is not supported: expected application/json", r.Header.Get("Content-Type"))
}

func unsupportedType(format string, args ...any) error {
	return &Error{Status: http.StatusUnsupportedMediaType, Message: fmt.Sprintf(format, args...)}
}

// decodeBody decodes a request body that is one JSON value.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) error {
	stream, err := readContentType(r)
	if err != nil {
		return err
	}
	if stream {
		return unsupportedType("content type application/x-ndjson is for emit only: expected application/json")
	}
	body, err := readWholeBody(w, r)
	if err != nil {
		return err
	}
	return decodeObject(body, into)
}

// readWholeBody reads a body of up to [MaxBody] bytes. It refuses a larger one before it
// reads any of it, if Content-Length has its size.
func readWholeBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, badRequest("body: expected all of it within %v", maxBodyTime)
	}
	if err == nil {
		liftReadDeadline(w)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err != nil && !tooLarge {
		return nil, badRequest("body: %v", err)
	}
	return body, err
}

// maxDiscarded limits how many bytes of a refused request's body are read.
const maxDiscarded = 8 * MaxBody

// discardBody reads and discards the rest of the body of a refused request. Many clients
// read no reply before they have written the whole body, and would see a broken
// connection instead.
//
// A client that sends Expect gets the reply at once. So does one that writes a stream,
// which may never end.
func discardBody(r *http.Request) {
	stream, _ := readContentType(r)
	if stream || r.Header.Get("Expect") != "" || r.ContentLength > maxDiscarded {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscarded) // a client that has gone reads no reply
}

// decodeObject decodes one JSON object, with nothing after it. An empty list stands for
// an empty object. Unknown and duplicate fields are errors that name the field.
func decodeObject(text []byte, into any) error { return new(objectDecoder).decodeObject(text, into) }

// objectDecoder decodes texts one after another, and reuses the JSON decoder.
type objectDecoder struct {
	text bytes.Reader
	json *json.Decoder // reads text; nil if the last text left it in the middle of a value
}

// decodeObject decodes one JSON object, as the function decodeObject does.
func (d *objectDecoder) decodeObject(text []byte, into any) error {
	if text = lenient.TrimText(text); lenient.IsEmptyList(text) {
		text = []byte("{}")
	}
	if !utf8.Valid(text) {
		return badRequest("body: invalid UTF-8") // encoding/json would replace the invalid bytes
	}
	if d.json == nil {
		d.json = json.NewDecoder(&d.text)
		d.json.DisallowUnknownFields()
	}
	d.text.Reset(text)
	dec, start := d.json, d.json.InputOffset()
	d.json = nil
	if err := dec.Decode(into); err != nil {
		return describeDecodeError(err)
	}
	rest := text[dec.InputOffset()-start:]
	if len(bytes.TrimSpace(rest)) > 0 {
		return badRequest("body: expected one JSON value, there is more after it")
	}
	if len(rest) == 0 {
		d.json = dec
	}
	return checkKeys(text)
}

// describeDecodeError returns an error of encoding/json in the words of the API: the
// field, the unexpected value and the expected one.
func describeDecodeError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := jsonFieldName(wrong.Field)
		if wrong.Type == lenient.NamesType {
			return badRequest("%s: %s", field, wrong.Value)
		}
		return badRequest("%s: unexpected %s, expected %s", field, wrong.Value, jsonTypeName(wrong.Type))
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badRequest("%s: unknown field", strings.Trim(field, `"`))
	}
	switch {
	case err == io.EOF:
		return badRequest("body: expected JSON, it is empty")
	case err == io.ErrUnexpectedEOF:
		return badRequest("body: the JSON ends too early")
	case errors.Is(err, sio.ErrData): // no other field is of that type
		return badRequest("args: %v", err)
	}
	return badRequest("body: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// jsonFieldName returns a field's path without the names of embedded Go structs, which
// are not in the JSON.
func jsonFieldName(path string) string {
	names := strings.Split(path, ".")
	for len(names) > 1 && (names[0] == "scope" || names[0] == "repeatable" || names[0] == "Target") {
		names = names[1:]
	}
	if path == "" {
		return "body"
	}
	return strings.Join(names, ".")
}

// jsonTypeName returns the name of a Go type's JSON type.
func jsonTypeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
