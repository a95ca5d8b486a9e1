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

// contentType checks the type of a body, and reports whether it is a stream.
func contentType(r *http.Request) (stream bool, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return false, nil
	case "application/x-ndjson":
		return true, nil
	}
	return false, unsupported("content type %q is not supported: expected application/json", r.Header.Get("Content-Type"))
}

func unsupported(format string, args ...any) error {
	return &Error{Status: http.StatusUnsupportedMediaType, Message: fmt.Sprintf(format, args...)}
}

// readBody reads a body that is one JSON value, strictly.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	stream, err := contentType(r)
	if err != nil {
		return err
	}
	if stream {
		return unsupported("content type application/x-ndjson is for emit only: expected application/json")
	}
	body, err := readAll(w, r)
	if err != nil {
		return err
	}
	return decode(body, into)
}

// readAll reads a body of up to [MaxBody] bytes. A larger one is refused before
// any of it is kept, when its length is told.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, badRequest("body: expected all of it within %v", bodyTime)
	}
	if err == nil {
		liftReadDeadline(w)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err != nil && !tooLarge {
		return nil, badRequest("body: %v", err)
	}
	return body, err
}

// maxDropped is how many bytes of a body that is refused are read.
const maxDropped = 8 * MaxBody

// drop reads what is left of the body of a request that is refused, and keeps
// nothing: many clients read no answer before they have written all, and would see
// the connection break instead. A client that asks before it writes gets its answer
// at once, and so does one that writes a stream, which may never end.
func drop(r *http.Request) {
	stream, _ := contentType(r)
	if stream || r.Header.Get("Expect") != "" || r.ContentLength > maxDropped {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDropped) // who is gone reads no answer
}

// decode reads one JSON object and nothing after it; an empty list stands for the empty
// object. Fields that are not known, or
// given twice, are errors, which name them.
func decode(text []byte, into any) error { return new(decoder).decode(text, into) }

// decoder decodes many texts, with what the first one needed.
type decoder struct {
	text bytes.Reader
	json *json.Decoder // reads text; nil when it can't go on after the last one
}

func (d *decoder) decode(text []byte, into any) error {
	if text = lenient.TrimText(text); lenient.IsEmptyList(text) {
		text = []byte("{}")
	}
	if !utf8.Valid(text) {
		return badRequest("body: invalid UTF-8") // which the decoder would repair
	}
	if d.json == nil {
		d.json = json.NewDecoder(&d.text)
		d.json.DisallowUnknownFields()
	}
	d.text.Reset(text)
	dec, start := d.json, d.json.InputOffset()
	d.json = nil
	if err := dec.Decode(into); err != nil {
		return describe(err)
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

// describe says in the words of the API what is wrong with a body.
func describe(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := fieldName(wrong.Field)
		if wrong.Type == lenient.NamesType {
			return badRequest("%s: %s", field, wrong.Value)
		}
		return badRequest("%s: unexpected %s, expected %s", field, wrong.Value, typeName(wrong.Type))
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

// fieldName leaves out of a path what is no JSON but a Go struct in another.
func fieldName(path string) string {
	names := strings.Split(path, ".")
	for len(names) > 1 && (names[0] == "scope" || names[0] == "repeatable" || names[0] == "Target") {
		names = names[1:]
	}
	if path == "" {
		return "body"
	}
	return strings.Join(names, ".")
}

// typeName says in JSON's words what a Go type is in JSON.
func typeName(t reflect.Type) string {
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
