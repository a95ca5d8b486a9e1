package backend

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/emission"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

var errTooLarge = errors.New("the response is larger than max_response")

// reply has the operations that a backend replied with, in the order in which they are
// done.
type reply struct {
	Data       map[string]sio.Data
	Leave      []string
	Join       []string
	Sockets    []replySockets
	Emit       []replyEmit
	Ack        *sio.Data
	Disconnect bool
	Error      *replyError

	unknownKeys []string // keys without a meaning
}

// replyEmit is an emit with the options of the handler emit. With a namespace it is
// emitted there, and not from the socket.
type replyEmit struct {
	Event     string
	Args      []sio.Data
	Namespace string
	emission.Options
}

type replyError struct {
	Message string
	Data    sio.Data
}

// clientError returns the error that the client reads.
func (e *replyError) clientError() *hub.ClientError {
	return &hub.ClientError{Message: cmp.Or(e.Message, refusedMessage), Data: e.Data, FailedAttempt: true}
}

// refusedError is the error of an application for a client. Its text, for the log, does not
// have the message, which may have values of the application.
type refusedError struct{ forClient *hub.ClientError }

// Error returns the size of the message.
func (e *refusedError) Error() string {
	return fmt.Sprintf("the backend refused it by a message of %d bytes", len(e.forClient.Message))
}

// Unwrap returns the error that the client reads.
func (e *refusedError) Unwrap() error { return e.forClient }

// refusedMessage is the message for clients of an error without a message.
const refusedMessage = "refused"

// readReply parses the response. Only the statuses 200 and 204 accept an event. An
// application refuses it by 4xx; any other status is an outage.
func (w *response) readReply() (*reply, error) {
	switch {
	case w.status == http.StatusNoContent:
		return new(reply), nil
	case w.status == http.StatusOK:
		return parseReply(w.body.Bytes())
	case w.status >= 400 && w.status < 500:
		return nil, &refusedError{w.clientError()}
	case w.status == 0:
		return nil, errors.New("the HTTP handlers sent no response")
	}
	return nil, fmt.Errorf("the backend replied with status %d: expected 200, 204 or 4xx", w.status)
}

// clientError returns the error for the client of a response with status 4xx: from its
// body, or else the text of the status.
func (w *response) clientError() *hub.ClientError {
	if a, err := parseReply(w.body.Bytes()); err == nil && a.Error != nil && a.Error.Message != "" {
		return a.Error.clientError()
	}
	return &hub.ClientError{Message: cmp.Or(http.StatusText(w.status), refusedMessage), FailedAttempt: true}
}

// parseReply parses the whole body of a response before any operation is done. The
// error names the key, the kind of the value and the expected type.
func parseReply(body []byte) (*reply, error) {
	a := new(reply)
	if body = lenient.TrimText(body); len(body) == 0 {
		return a, nil
	}
	if err := checkJSON(body); err != nil {
		return nil, fmt.Errorf("the reply is not a JSON object: %w; it is %s", err, describeBody(body))
	}
	if !bytes.HasPrefix(body, []byte("{")) && !lenient.IsEmptyList(body) && string(body) != "null" {
		return nil, fmt.Errorf("the reply is not a JSON object: it is %s", lenient.Describe(body))
	}
	unknown, err := lenient.ReadFields(body, lenient.Fields{
		"data": &a.Data, "leave": &a.Leave, "join": &a.Join, "sockets": a.readSockets, "emit": a.readEmits,
		"ack": a.readAck, "disconnect": &a.Disconnect, "error": a.readError,
	})
	if err == nil {
		a.unknownKeys = append(a.unknownKeys, unknown...)
		err = a.checkLimits()
	}
	if err != nil {
		return nil, fmt.Errorf("parse the reply: %w", err)
	}
	return a, nil
}

// describeBody describes a body that is not JSON, without its text: that may have secrets.
func describeBody(body []byte) string {
	switch {
	case body[0] == '<':
		return fmt.Sprintf("HTML of %d bytes", len(body))
	case body[0] == '{':
		return fmt.Sprintf("%d bytes that begin like a JSON object", len(body))
	}
	return fmt.Sprintf("%d bytes", len(body))
}

// checkJSON returns the reason why a text is not JSON, and the byte.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("invalid UTF-8")
	}
	err := json.Unmarshal(text, new(json.RawMessage))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w at byte %d", err, syntax.Offset)
	}
	return err
}

func (a *reply) readEmits(raw []byte) error {
	list, err := lenient.ReadList(raw)
	for i, item := range list {
		e := replyEmit{}
		if err := a.readInnerObject("emit", item, lenient.Fields{
			"event": lenient.IntoName(&e.Event), "args": &e.Args, "to": &e.To, "except": &e.Except,
			"broadcast": &e.Broadcast, "include_sender": &e.IncludeSender, "volatile": &e.Volatile,
			"local": &e.Local, "namespace": lenient.IntoName(&e.Namespace),
		}); err != nil {
			return lenient.ErrorAt(strconv.Itoa(i), err)
		}
		a.Emit = append(a.Emit, e)
	}
	return err
}

func (a *reply) readAck(raw []byte) error {
	var ack sio.Data
	if err := ack.UnmarshalJSON(raw); err != nil {
		return err
	}
	if ack = lenient.DataList(ack); ack.JSON[0] != '[' {
		return &lenient.Error{Value: lenient.Describe(raw), Want: "a list of arguments"}
	}
	a.Ack = &ack
	return nil
}

func (a *reply) readError(raw []byte) error {
	a.Error = new(replyError)
	return a.readInnerObject("error", raw, lenient.Fields{"message": &a.Error.Message, "data": &a.Error.Data})
}

// readInnerObject parses an object under a key. It adds unknown keys of the object to
// unknownKeys.
func (a *reply) readInnerObject(key string, raw []byte, fields lenient.Fields) error {
	unknown, err := lenient.ReadFields(raw, fields)
	for _, name := range unknown {
		a.unknownKeys = append(a.unknownKeys, key+"."+name)
	}
	return err
}

// checkLimits refuses a reply with operations that would fail: bad names of rooms and
// events, or too many binary values.
func (a *reply) checkLimits() error {
	if a.Ack != nil && len(a.Ack.Attachments) > sio.MaxAttachments {
		return fmt.Errorf("ack: %d binary values, the limit is %d", len(a.Ack.Attachments), sio.MaxAttachments)
	}
	for key, names := range map[string][]string{"leave": a.Leave, "join": a.Join} {
		if err := hub.CheckRooms(names); err != nil {
			return lenient.ErrorAt(key, err)
		}
	}
	for i, e := range a.Emit {
		if err := hub.CheckEvent(e.Event); err != nil || e.Event == "" {
			return fmt.Errorf("emit %d: bad event name %q", i, e.Event)
		}
	}
	return nil
}

// applyTo does the operations of the reply. Other events of the socket wait meanwhile.
func (a *reply) applyTo(ev *hub.Event, log *zap.Logger) error {
	ev.BeginStep()
	s := ev.Socket
	if len(a.unknownKeys) > 0 {
		log.Error("the reply of the backend has unknown keys", zap.Strings("keys", a.unknownKeys),
			zap.String("namespace", ev.Namespace().Name()), zap.String("event", ev.Name))
	}
	if s == nil {
		return a.applyWithoutSocket(ev)
	}
	for _, key := range slices.Sorted(maps.Keys(a.Data)) {
		if err := s.Set(key, a.Data[key]); err != nil {
			return err
		}
	}
	s.Leave(a.Leave...)
	if err := ev.Join(a.Join...); err != nil {
		return err
	}
	if err := a.changeSockets(ev); err != nil {
		return err
	}
	for _, e := range a.Emit {
		if err := e.emitFor(ev); err != nil && !errors.Is(err, hub.ErrDisconnected) {
			return err
		}
	}
	if a.Ack != nil {
		if err := ev.Ack(hub.Args(*a.Ack)); err != nil && !errors.Is(err, hub.ErrDisconnected) {
			return err
		}
	}
	if a.Disconnect {
		s.Disconnect(false)
	}
	if err := a.disconnectSockets(ev); err != nil {
		return err
	}
	if a.Error != nil {
		return &refusedError{a.Error.clientError()}
	}
	return nil
}

// emitFor emits from the socket of an event, or in another namespace to its sockets. The
// error says that there is no such namespace, or that a limit of a room refuses the emit.
func (e *replyEmit) emitFor(ev *hub.Event) error {
	s := ev.Socket
	args := hub.Args(sio.Array(e.Args...))
	if e.Namespace == "" || e.Namespace == s.Namespace().Name() {
		return e.EmitFor(ev, e.Event, args)
	}
	return e.emitInNamespace(ev, args)
}

// emitInNamespace emits because of an event in the namespace of the emit. The error says that
// there is no such namespace, or that a limit of a room refuses the emit.
func (e *replyEmit) emitInNamespace(ev *hub.Event, args hub.Args) error {
	var err error
	emit := func(ns *hub.Namespace) {
		if err = ev.AllowEmit(ns, e.To, args); err == nil {
			err = e.EmitIn(ns, e.Event, args)
		}
	}
	if !ev.Namespace().Hub().WithNamespace(e.Namespace, emit) {
		return fmt.Errorf("emit %s: there is no namespace %q", e.Event, e.Namespace)
	}
	return err
}
