package require

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// fakeSocket is a socket for expressions.
type fakeSocket struct {
	ns         *hub.Namespace
	auth, data string
	values     map[string]string
	handshake  hub.HandshakeRequest
	looked     int // how often the handshake was read
}

func (s *fakeSocket) ID() string                { return "12345678901234567890" }
func (s *fakeSocket) Namespace() *hub.Namespace { return s.ns }
func (s *fakeSocket) Rooms() []string           { return []string{s.ID(), "lobby"} }
func (s *fakeSocket) Status() hub.Status        { return hub.Status{Transport: "websocket"} }
func (s *fakeSocket) Data() sio.Data            { return sio.Data{JSON: []byte(s.data)} }

func (s *fakeSocket) Handshake() hub.Handshake {
	s.looked++
	return hub.Handshake{HandshakeRequest: &s.handshake, Auth: sio.Data{JSON: []byte(s.auth)}}
}

func (s *fakeSocket) Lookup(name string) (sio.Data, bool) {
	value, ok := s.values[name]
	return sio.Data{JSON: []byte(value)}, ok
}

func newFakeSocket(t testing.TB) *fakeSocket {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&room=a&room=b", nil)
	r.Header.Set("X-Role", "admin")
	r.Header.Add("Accept-Language", "de")
	r.Header.Add("Accept-Language", "en")
	r.AddCookie(&http.Cookie{Name: "session", Value: "s1"})
	r.AddCookie(&http.Cookie{Name: "session", Value: "s2"})
	r.Host = "chat.example.com"
	repl := caddy.NewReplacer()
	repl.Set("http.auth.user.id", "ada")
	prepared := caddyhttp.PrepareRequest(r, repl, nil, nil)
	return &fakeSocket{
		ns:     hub.New(hub.Options{}).Of("/chat"),
		auth:   `{"token":"good","n":3}`,
		data:   `{"name":"ada"}`,
		values: map[string]string{"jwt": `{"sub":"u1","role":"user","uid":9007199254740993,"admin":true,"exp":2000000000}`},
		handshake: hub.HandshakeRequest{
			Address: "203.0.113.7", Secure: true, URL: "/socket.io/?EIO=4&room=a&room=b", Header: r.Header,
			Context: handshake.Capture(prepared, prepared.Header, []string{"http.auth.user.id"}, "/socket.io/"),
		},
	}
}

func newEvent(json string, attachments ...[]byte) *hub.Event {
	return &hub.Event{Type: hub.ClientEvent, Name: "say", Args: sio.Data{JSON: []byte(json), Attachments: attachments}}
}

// evaluateExpression says whether an expression holds, and if not, why.
func evaluateExpression(t testing.TB, expr string, ev *hub.Event, s *fakeSocket) error {
	t.Helper()
	x, err := newExpression(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return x.checkTrue(newScope(ev, s, s))
}

func TestExpressionHolds(t *testing.T) {
	const args = `["public:a",3,2.5,-1,1e2,18446744073709551615,9007199254740993,{"to":"lobby","n":[1,2]},null,true,{"_placeholder":true,"num":0},"3"]`
	s := newFakeSocket(t)
	for _, expr := range []string{
		`true`,
		`socket.id == "12345678901234567890"`,
		`socket.namespace == "/chat"`,
		`"lobby" in socket.rooms && size(socket.rooms) == 2`,
		`socket.rooms.exists(r, r == event.args[7].to)`,
		`socket.transport == "websocket"`,
		`socket.auth.token == "good" && socket.auth.n < 4`,
		`!has(socket.auth.other) && has(socket.auth.token)`,
		`socket.data.name == "ada" && "name" in socket.data`,
		`event.name == "say" && !event.ack && event.reason == "" && !has(event.reason)`,
		`event.args[0].startsWith("public:")`,
		`event.args[0].matches("^public:[a-z]+$")`,
		`event.args[1] > 2 && event.args[1] >= 3.0 && event.args[1] == 3`,
		`event.args[1] + 1 == 4 && event.args[1] % 2 == 1`,
		`event.args[2] > 2 && event.args[2] < 3 && double(event.args[1]) * 1.5 == 4.5`,
		`event.args[3] < 0 && event.args[4] == 100`,
		`event.args[5] == 18446744073709551615u`,
		`event.args[6] == jwt.uid && event.args[6] != 9007199254740992`,
		`event.args[7].n.all(n, n > 0) && size(event.args[7].n) == 2`,
		`event.args[8] == null && event.args[9] == true && event.args[9]`,
		`event.args[10] == b"\x00\x01" && size(event.args[10]) < 3`,
		`event.args[11] != 3 && int(event.args[11]) == 3`,
		`size(event.args) == 12 && type(event.args[0]) == string`,
		`event.args[?20].orValue("none") == "none"`,
		`jwt.sub == "u1" && jwt.role in ["user", "admin"] && timestamp(jwt.exp) > timestamp("2030-01-01T00:00:00Z")`,
		`jwt.admin`,
		`jwt.?plan.orValue("free") == "free"`,
		`http.request.method == "GET" && http.request.host == "chat.example.com"`,
		`http.request.uri == "/socket.io/?EIO=4&room=a&room=b" && http.request.path == "/socket.io/"`,
		`http.request.query.EIO == "4" && http.request.query["room"] == "a,b"`,
		`http.request.header["x-role"] == "admin" && http.request.header["X-Role"] == "admin" && "X-ROLE" in http.request.header`,
		`http.request.header["Accept-Language"] == "de,en" && !("x-other" in http.request.header)`,
		`http.request.cookie.session == "s1"`,
		`http.address == "203.0.113.7" && http.secure && http.user == "ada" && has(http.user)`,
		`dyn(socket).id == socket.id && dyn(http).request.host == http.request.host`,
		`sets.contains(socket.rooms, ["lobby"]) && "a-b".split("-") == ["a", "b"] && math.greatest(1, 2) == 2`,
	} {
		if err := evaluateExpression(t, expr, newEvent(args, []byte{0, 1}), s); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestExpressionDoesNotHold(t *testing.T) {
	big := `["` + strings.Repeat("x", maxInput) + `", 1]`
	many := `[` + strings.Repeat("1,", maxArgs) + `1]`
	list := `[[` + strings.Repeat("1,", 5000) + `1]]`
	twoLists := `[[` + strings.Repeat("1,", 5000) + `1],[` + strings.Repeat("2,", 5000) + `2]]`
	for _, test := range []struct{ name, expr, args, want string }{
		{"false", `event.args[0] == "b"`, `["a"]`, "it is false"},
		{"no key", `jwt.nobody == "x"`, `[]`, "no such key"},
		{"no key, negated", `!(jwt.nobody == "x")`, `[]`, "no such key"},
		{"no argument", `event.args[0] == "x"`, `[]`, "index"},
		{"no object", `event.args[0].x == 1`, `["a"]`, "no such"},
		{"wrong type", `event.args[0].startsWith("a")`, `[1]`, "no such overload"},
		{"no boolean", `jwt.sub`, `[]`, "of type string"},
		{"text that says true", `event.args[0]`, `["true"]`, "of type string"},
		{"number out of range", `event.args[0] > 1`, `[1e999]`, "range"},
		{"overflow", `event.args[0] + 1 > 0`, `[9223372036854775807]`, "overflow"},
		{"too much input", `event.args[0] == "x"`, big, "more than 65536 bytes"},
		{"too much input at another place", `event.args[0] != event.args[1]`, big, "more than 65536 bytes"},
		{"too many arguments", `size(event.args) > 0`, many, "more than 1000 arguments"},
		{"too much work", `event.args[0].all(a, event.args[0].all(b, a == b))`, list, "cost limit"},
		{"too much memory", `event.args[0].map(a, event.args[1] + a).size() > 0`, `[["` + strings.Repeat(`x","`, 5000) + `"],"` + strings.Repeat("x", 30000) + `"]`, "cost limit"},
		{"too much to compare", `event.args[0].all(a, !(a in event.args[1]))`, twoLists, "cost limit"},
		{"bad expression of the client", `"a".matches(event.args[0])`, `["("]`, "missing"},
		{"large expression of the client", `"a".matches(event.args[0])`, `["(((a{100}){9}){9})"]`, "regex"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := evaluateExpression(t, test.expr, newEvent(test.args), newFakeSocket(t))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestExpressionFailsWithoutToken(t *testing.T) {
	s := newFakeSocket(t)
	s.values, s.auth, s.data = nil, "", "{}"
	s.handshake.Context = nil
	for _, expr := range []string{
		`!has(jwt.sub)`, `!has(socket.auth.token)`, `!has(socket.data.name)`, `!has(http.user) && http.user == ""`,
		`http.request.path == "/socket.io/" && http.request.header["x-role"] == "admin"`,
	} {
		if err := evaluateExpression(t, expr, newEvent(`[]`), s); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	if evaluateExpression(t, `jwt.sub != "banned"`, newEvent(`[]`), s) == nil {
		t.Error("an expression about a token that was never verified holds")
	}
}

func TestExpressionReadsOnlyNamedValues(t *testing.T) {
	s := newFakeSocket(t)
	s.auth = strings.Repeat("x", maxInput+1) // no JSON, and too much
	ev := newEvent(`["a","` + strings.Repeat("x", maxInput) + `"]`)
	if err := evaluateExpression(t, `event.args[0] == "a" && jwt.sub == "u1"`, ev, s); err != nil {
		t.Error(err)
	}
	if s.looked != 0 {
		t.Error("it has read what it does not name")
	}
}

func TestExpressionErrors(t *testing.T) {
	for _, test := range []struct{ expr, want string }{
		{``, "the expression is empty"},
		{`socket.usr == "a"`, "line 1 column 7, `socket▸.usr == \"a\"`: undefined field 'usr'"},
		{`sockets.id == "a"`, "unknown name 'sockets'"},
		{`http.request.hosts == "a"`, "undefined field 'hosts'"},
		{`event.name == 3`, "wrong types for"},
		{`event.name`, "of type string: expected one that is true or false"},
		{"event.name == \"a\" &&\n  event.nam == \"b\"", "line 2 column 8, `  event▸.nam == \"b\"`: undefined field 'nam'"},
		{`jwt.sub ==`, "line 1 column 11, `jwt.sub ==▸`: unexpected end"},
		{`{jwt.sub} == "a"`, "expressions have no placeholders: write jwt.sub, not {jwt.sub}"},
		{`event.name.matches("(")`, "regex"},
	} {
		_, err := newExpression(test.expr)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.expr, err, test.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines: %v", test.expr, err)
		}
	}
}

func TestRequireRefuses(t *testing.T) {
	for _, test := range []struct{ name, message, want string }{
		{"default", "", "forbidden"},
		{"text", "not your room", "not your room"},
		{"placeholder", "no {event.args.0} for {event.name}", "no a for say"},
		{"placeholder without a value", "{event.args.7}", "forbidden"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Handler{Expr: `event.args[0] == "b"`, Message: test.message}
			if err := r.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			s := newFakeSocket(t)
			err := r.checkExpression(newScope(newEvent(`["a"]`), s, s))
			refusal, ok := errors.AsType[*hub.ClientError](err)
			if !ok || refusal.Message != test.want {
				t.Fatalf("got %v, want a refusal with %q", err, test.want)
			}
			if !strings.Contains(err.Error(), r.Expr) {
				t.Errorf("the log does not say which expression: %v", err)
			}
			if err := r.checkExpression(newScope(newEvent(`["b"]`), s, s)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRequireCaddyfile(t *testing.T) {
	for _, test := range []struct{ input, want string }{
		{"require", "expected an expression and a message, not 0 arguments"},
		{"require `true` a b", "not 3 arguments; put the expression into backticks"},
		{"require `socket.usr == 1`", "undefined field 'usr'"},
		{"require `true` {socket.usr}", "unknown placeholder {socket.usr}"},
		{"require `true` {\n  x\n}", "block"},
	} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.input))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.input, err, test.want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	x, err := newExpression(`event.args.exists(a, a == 1 || has(a.b) && a.b.matches("x+") || a > 2.5)`)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`[1]`, `[{"b":"xx"},2]`, `["é",null,[1e999]]`, `[{"_placeholder":true,"num":7}]`, `[`, ``} {
		f.Add([]byte(seed))
	}
	s := newFakeSocket(f)
	f.Fuzz(func(t *testing.T, args []byte) {
		_ = x.checkTrue(newScope(&hub.Event{Args: sio.Data{JSON: args}}, s, s))
	})
}

func BenchmarkRequire(b *testing.B) {
	for _, bench := range []struct{ name, expr string }{
		{"argument", `event.args[0].startsWith("public:")`},
		{"claim", `jwt.role != "banned"`},
		{"rooms", `event.args[0] in socket.rooms || jwt.admin`},
		{"header", `http.request.header["x-role"] == "admin"`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := Handler{Expr: bench.expr}
			if err := r.compileSettings(); err != nil {
				b.Fatal(err)
			}
			ev, s := newEvent(`["public:a",{"text":"hello"}]`), newFakeSocket(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := r.checkExpression(newScope(ev, s, s)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestRequireRefusesWrongUseOfRoom(t *testing.T) {
	for _, expr := range []string{"room.sockets() == 1", "room.sockets(1) == 1", "room.size == 1", "room == 1", `room["a"] == 1`, `sockets("a") == 1`} {
		if err := (&Handler{Expr: expr}).compileSettings(); err == nil {
			t.Errorf("%s: no error", expr)
		}
	}
}

// A client sends a secret to an expression that can't handle it.
func TestErrorsForLogHaveNoValues(t *testing.T) {
	s := newFakeSocket(t)
	for _, expr := range []string{`int(event.args[0]) > 1`, `jwt[event.args[0]] == 1`, `duration(event.args[0]) > duration("1s")`, `event.args[0] == 1`, `event.args[0] > 1`, `timestamp(event.args[0]) > timestamp("2026-01-01T00:00:00Z")`} {
		r := Handler{Expr: expr, Message: "not {event.args.0}"}
		if err := r.Provision(caddy.Context{}); err != nil {
			t.Error(err)
			continue
		}
		for _, args := range []string{`["secret-text"]`, `[{"secret-text":1}]`} {
			err := r.checkExpression(newScope(newEvent(args), s, s))
			if err == nil || strings.Contains(err.Error(), "secret-text") || !strings.Contains(err.Error(), expr) {
				t.Errorf("%s: got %v", expr, err)
			}
		}
	}
}
