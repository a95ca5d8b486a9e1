package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Record is one line of a tail.
type Record struct {
	// Time is when it happened, in UTC.
	Time string `json:"time"`
	// Kind is "connect", "connect_error", "disconnect", "join", "leave" or "event", or "end"
	// for the last record.
	Kind string `json:"kind"`
	// Node is the process that the socket is connected to, as HOST#PID.
	Node string `json:"node,omitempty"`
	// Namespace is the name of the namespace.
	Namespace string `json:"namespace,omitempty"`
	// Socket is the id of the socket, User the id of its user, and Address the client's
	// address, of connects and connect errors.
	Socket  string `json:"socket,omitempty"`
	User    string `json:"user,omitempty"`
	Address string `json:"address,omitempty"`
	// Room is the room that the socket joined or left.
	Room string `json:"room,omitempty"`
	// Event is the name of the event, Args are its arguments, and Size their size in bytes.
	Event string          `json:"event,omitempty"`
	Args  json.RawMessage `json:"args,omitempty"`
	Size  int             `json:"size,omitempty"`
	// Reason is the reason of a disconnect or the end, or the message of a connect error.
	Reason string `json:"reason,omitempty"`
}

const (
	// maxText is how many characters of a text a record has.
	maxText = 80
	// maxArgs is the size in bytes up to which a record has arguments, and maxRawArgs with
	// Filter.Raw.
	maxArgs    = 16 << 10
	maxRawArgs = 256 << 10
)

var kinds = map[hub.ObservationKind]string{
	hub.SocketConnected: "connect", hub.SocketDisconnected: "disconnect", hub.ConnectRefused: "connect_error",
	hub.RoomJoined: "join", hub.RoomLeft: "leave", hub.EventReceived: "event",
}

// newRecord returns the record of an observation.
func newRecord(i item, raw bool) Record {
	o := i.observation
	r := Record{
		Time: formatTime(i.at), Kind: kinds[o.Kind], Node: hub.NodeName(), Namespace: namespaceOf(o),
		Room: o.Room, Reason: cutText(o.Reason), Address: o.Address,
	}
	if s := o.Socket; s != nil {
		r.Socket, r.User = hub.LogIDOf(s), cutText(hub.UserOf(s))
		if o.Kind == hub.SocketConnected {
			r.Address = s.Handshake().Address
		}
	}
	if o.Kind == hub.EventReceived {
		name, _ := o.Data.Index(0)
		r.Event, r.Size = name.Text(), o.Data.Size()
		r.Args = renderArgs(r.Event, o.Data, raw)
	}
	return r
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// renderArgs returns the arguments of an event as JSON: cut and redacted, unless raw.
func renderArgs(event string, data sio.Data, raw bool) json.RawMessage {
	limit := maxArgs
	if raw {
		limit = maxRawArgs
	}
	if data.Size() > limit {
		return encodeValue([]any{fmt.Sprintf("(%d bytes)", data.Size())})
	}
	text, err := data.MarshalJSON()
	if err != nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var all []any
	if decoder.Decode(&all) != nil || len(all) == 0 {
		return nil
	}
	args := all[1:]
	if !raw {
		args = redactArgs(event, args)
	}
	return encodeValue(args)
}

func encodeValue(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// appendLine appends a record as a line of JSON, in which each character that does not print
// is escaped: terminals would interpret some.
func appendLine(line []byte, r Record) []byte {
	return append(escapeUnprintable(line, encodeValue(r)), '\n')
}

// escapeUnprintable appends JSON without white space, with the characters of its texts that do
// not print as \uXXXX.
func escapeUnprintable(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case unicode.IsPrint(r):
			dst = append(dst, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		text = text[size:]
	}
	return dst
}

// cutText shortens a text.
func cutText(text string) string {
	if utf8.RuneCountInString(text) <= maxText {
		return text
	}
	return string([]rune(text)[:maxText-1]) + "…"
}
