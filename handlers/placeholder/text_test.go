package placeholder

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// newSocketEvent is an event of a socket that is connected: its name is say, the socket
// is in the room lobby, and its data has a name, a number and bytes.
func newSocketEvent(t *testing.T, args string, attachments ...[]byte) *hub.Event {
	t.Helper()
	h := hub.New(hub.Options{})
	events := make(chan *hub.Event, 1)
	h.Of("/chat").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		for key, value := range map[string]any{"name": "ada", "n": 7, "list": []any{"a", 1}, "raw": []byte{1, 2}} {
			if err := ev.Socket.Set(key, value); err != nil {
				return err
			}
		}
		return ev.Socket.Join("lobby")
	}))
	h.Of("/chat").On("say", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		events <- ev
		return nil
	}))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(h.Close)
	c := clienttest.Dial(t, server.Listener.Addr().String(), "", nil)
	c.Request(`40/chat,{"token":"secret","user":{"id":3,"tags":["x","y"]}}`)
	c.Send(`42/chat,["say"]`)
	ev := <-events
	ev.Args = sio.Data{JSON: []byte(args), Attachments: attachments}
	return ev
}

// newEvent is an event with arguments, without a socket.
func newEvent(json string, attachments ...[]byte) *hub.Event {
	return &hub.Event{Type: hub.ClientEvent, Name: "say", Args: sio.Data{JSON: []byte(json), Attachments: attachments}}
}

func TestTextReplacesPlaceholders(t *testing.T) {
	t.Setenv("GREETING", "hello")
	ev := newSocketEvent(t, `["a",2.50,{"b":{"c":true}},null,{"_placeholder":true,"num":0},["x",1],"\u00e9\n"]`, []byte("bin"))
	for _, test := range []struct{ text, want string }{
		{``, ``},
		{`plain`, `plain`},
		{`{event.name}`, `say`},
		{`<{event.name}>`, `<say>`},
		{`{event.name}{event.name}`, `saysay`},
		{`{event.args.0}-{event.args.1}`, `a-2.50`},
		{`{event.args.2.b.c} {event.args.2.b}`, `true {"c":true}`},
		{`{event.args.3}|{event.args.9}|{event.args.0.x}`, `||`},
		{`{event.args.4}`, `Ymlu`},
		{`{event.args.5} {event.args.5.0}`, `["x",1] x`},
		{`{event.args.6}`, "é\n"},
		{`{event.reason}`, ``},
		{`{socket.namespace} {socket.transport}`, `/chat websocket`},
		{`user:{socket.data.name} {socket.data.n}`, `user:ada 7`},
		{`{socket.data.none}`, ``},
		{`{socket.auth.token} {socket.auth.user.id} {socket.auth.user.tags.1}`, `secret 3 y`},
		{`{env.GREETING} you`, `hello you`},
		{`{env.NOT_THERE}`, ``},
		{`{jwt.sub}`, ``},
		// Counts and defaults.
		{`{room.lobby.size} of {namespace.size}`, `1 of 1`},
		{`{room.a room: v1.size.size} {room.{event.args.0}.size} {room.{socket.rooms}.size}`, `0 0 0`},
		{`{room.lob{event.args.7:by}.size}{room.{event.args.9}.size}`, `1`},
		{`{room.{event.args.9}.size:none} {room.x:y.size:9}`, `none 0`},
		{`{socket.data.none:guest} {socket.data.name:guest}`, `guest ada`},
		{`{event.args.3:x} {event.args.9:[1, "}"]} {event.args.9:a b, c}`, `x [1,"}"] a b, c`},
		{`{event.args.9:{event.args.8:{event.name}}} {event.args.9:<{event.name}>}`, `say <say>`},
		{`{event.args.9:} {jwt.sub:0} {env.NOT_THERE:x} {env.GREETING:x}`, ` 0 x hello`},
		// Braces that begin no placeholder.
		{`{a:1} {event.args.0:`, `{a:1} {event.args.0:`},
		{`{room.lobby"x.size} {room.{.size}`, `{room.lobby"x.size} {room.{.size}`},
		{`{`, `{`},
		{`}`, `}`},
		{`{}`, `{}`},
		{`{"a":1}`, `{"a":1}`},
		{`{a b}`, `{a b}`},
		{`{{event.name}}`, `{say}`},
		{`{event.name`, `{event.name`},
		{`\{event.name}`, `{event.name}`},
		{`\{{event.name}`, `{say`},
		{`a\b`, `a\b`},
	} {
		text, err := NewText(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got := text.For(ev); got != test.want {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
	if (Text{}).For(ev) != "" {
		t.Error("the zero text is not empty")
	}
}

func TestTextRefusesUnknownPlaceholders(t *testing.T) {
	for _, text := range []string{
		`{socket}`, `{socket.}`, `{socket.name}`, `{socket.id.x}`, `{socket.rooms.0}`, `{socket.data.}`,
		`{room.}`, `{room.lobby}`, `{room.lobby.length}`, `{room.lobby.size.x}`, `{room.lobby:0}`, `{namespace.}`, `{namespace.name}`,
		`{socket.name:x}`, `{event.name:{event.x}}`, `{room.{event.x}.size}`,
		`{event}`, `{event.}`, `{event.arg.0}`, `{event.name.x}`, `{event.args.}`, `x {event.type} y`,
	} {
		_, err := NewText(text)
		if err == nil || !strings.Contains(err.Error(), "unknown placeholder {") {
			t.Errorf("%s: got %v, want an unknown placeholder", text, err)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{`a{event.name}b`, `\{x}`, `{`, `{{event.args.0}}`, `{"a":"{event.name}"}`, `{env.X}`, `{event.args.1:{"a":[]}}`, `{event.x.y:{event.name} }`} {
		f.Add(s)
	}
	ev := newEvent(`["x"]`)
	f.Fuzz(func(t *testing.T, s string) {
		text, err := NewText(s)
		if err != nil {
			return
		}
		if len(text.literals) != len(text.keys)+1 {
			t.Errorf("%q: %d literals, %d keys", s, len(text.literals), len(text.keys))
		}
		if fixed, ok := text.Literal(); ok && fixed != text.For(ev) {
			t.Errorf("%q: %q is not %q", s, fixed, text.For(ev))
		}
	})
}
