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

// readContentType checks the type of a body, and reports whether it is a stream.
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

// decodeBody reads a body that is one JSON value, strictly.
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

// readWholeBody reads a body of up to [MaxBody] bytes. A larger one is refused before
// any of it is kept, when its length is told.
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

// maxDiscarded is how many bytes of a body that is refused are read.
const maxDiscarded = 8 * MaxBody

// discardBody reads what is left of the body of a request that is refused, and keeps
// nothing: many clients read no answer before they have written all, and would see
// the connection break instead. A client that asks before it writes gets its answer
// at once, and so does one that writes a stream, which may never end.
func discardBody(r *http.Request) {
	stream, _ := readContentType(r)
	if stream || r.Header.Get("Expect") != "" || r.ContentLength > maxDiscarded {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscarded) // who is gone reads no answer
}

// decodeObject reads one JSON object and nothing after it; an empty list stands for the empty
// object. Fields that are not known, or
// given twice, are errors, which name them.
func decodeObject(text []byte, into any) error { return new(objectDecoder).decodeObject(text, into) }

// objectDecoder decodes many texts, with what the first one needed.
type objectDecoder struct {
	text bytes.Reader
	json *json.Decoder // reads text; nil when it can't go on after the last one
}

func (d *objectDecoder) decodeObject(text []byte, into any) error {
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

// describeDecodeError says in the words of the API what is wrong with a body.
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

// jsonFieldName leaves out of a path what is no JSON but a Go struct in another.
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

// jsonTypeName says in JSON's words what a Go type is in JSON.
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
