package handlers

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/websocket"
)

// serveMembers serves a namespace /chat for members with a token.
func serveMembers(t *testing.T) (url string) {
	t.Helper()
	// The leeway is long, so that a test ends in time only if nothing waits for it.
	verify := provision(t, &JWT{Secret: testSecret, CloseOnExpiry: true, Leeway: new(caddy.Duration(24 * time.Hour))})
	refresh := provision(t, &JWT{Secret: testSecret, From: []string{"{event.args.0}"}})
	member := &Require{Expr: `jwt.role != "banned"`, Message: "you are banned, {jwt.sub}"}
	public := &Require{Expr: `event.args[0].startsWith("public:")`}
	for _, r := range []*Require{member, public} {
		if err := r.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
	}
	ack := &Ack{Args: []json.RawMessage{[]byte(`"{jwt.sub}"`), []byte(`"{jwt.exp}"`)}}
	if err := ack.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	h := hub.New(hub.Options{})
	h.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/chat", Rules: []hub.Rule{
		{Events: []string{"connect"}, Handlers: []hub.Handler{verify, member}},
		{Events: []string{"refresh"}, Handlers: []hub.Handler{refresh, ack}},
		{Events: []string{"join"}, Handlers: []hub.Handler{public, ack}},
	}}}})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(h.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
}

// client speaks the protocol of Socket.IO over a WebSocket.
type client struct {
	t *testing.T
	*websocket.Conn
}

func dial(t *testing.T, url string) client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := client{t, conn}
	if open := c.read(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("got %q, want an open packet", open)
	}
	return c
}

func (c client) send(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next packet but for pings.
func (c client) read() string {
	c.t.Helper()
	for {
		_, text, err := c.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if string(text) != "2" {
			return string(text)
		}
		c.send("3")
	}
}

// call sends a packet and returns the answer.
func (c client) call(format string, args ...any) string {
	c.t.Helper()
	c.send(fmt.Sprintf(format, args...))
	return c.read()
}

func member(t *testing.T, claims string) string {
	return signToken(t, jose.HS256, []byte(testSecret), "", claims)
}

func TestJWTConnect(t *testing.T) {
	url := serveMembers(t)
	for _, test := range []struct{ name, auth, want string }{
		{"member", fmt.Sprintf(`{"token":%q}`, member(t, `{"sub":"u1","role":"user"}`)), `40/chat,{"sid":"`},
		{"header syntax", fmt.Sprintf(`{"token":"Bearer %s"}`, member(t, `{"sub":"u1","role":"user"}`)), `40/chat,{"sid":"`},
		{"banned", fmt.Sprintf(`{"token":%q}`, member(t, `{"sub":"u1","role":"banned"}`)), `44/chat,{"message":"you are banned, u1"}`},
		{"no role", fmt.Sprintf(`{"token":%q}`, member(t, `{"sub":"u1"}`)), `44/chat,{"message":"you are banned, u1"}`},
		{"nothing", ``, `44/chat,{"message":"token missing"}`},
		{"no token", `{"token":null}`, `44/chat,{"message":"token missing"}`},
		{"expired", fmt.Sprintf(`{"token":%q}`, member(t, `{"exp":1}`)), `44/chat,{"message":"token expired"}`},
		{"object", `{"token":{"alg":"none"}}`, `44/chat,{"message":"invalid token"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := dial(t, url).call("40/chat,%s", test.auth); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestJWTAndRequireOnEvents(t *testing.T) {
	c := dial(t, serveMembers(t))
	c.call(`40/chat,{"token":%q}`, member(t, `{"sub":"u1","role":"user"}`))
	for _, test := range []struct{ name, event, want string }{
		{"allowed", `421["join","public:a"]`, `431["u1",null]`},
		{"not allowed", `422["join","private:a"]`, `432[{"error":"forbidden"}]`},
		{"no argument", `423["join"]`, `433[{"error":"forbidden"}]`},
		{"invalid refresh", `424["refresh","x.y.z"]`, `434[{"error":"invalid token"}]`},
		{"after that", `425["join","public:a"]`, `435["u1",null]`},
		{"refresh", fmt.Sprintf(`426["refresh",%q]`, member(t, `{"sub":"u2","exp":9000000000}`)), `436["u2",9000000000]`},
	} {
		got := c.call("%s", strings.Replace(test.event, "42", "42/chat,", 1))
		if want := strings.Replace(test.want, "43", "43/chat,", 1); got != want {
			t.Errorf("%s: got %s, want %s", test.name, got, want)
		}
	}
}

func TestJWTCloseOnExpiry(t *testing.T) {
	url := serveMembers(t)
	soon := member(t, fmt.Sprintf(`{"sub":"u1","role":"user","exp":%d}`, time.Now().Unix()+2))
	connect := func() client {
		c := dial(t, url)
		if got := c.call(`40/chat,{"token":%q}`, soon); !strings.HasPrefix(got, `40/chat,{"sid":"`) {
			t.Fatalf("got %s", got)
		}
		return c
	}
	stays, goes := connect(), connect()
	if got := stays.call(`42/chat,1["refresh",%q]`, member(t, `{"sub":"u1","exp":9000000000}`)); got != `43/chat,1["u1",9000000000]` {
		t.Fatalf("got %s", got)
	}
	if got := goes.read(); got != "41/chat," && got != "41/chat" {
		t.Errorf("got %s, want a disconnect packet", got)
	}
	if got := stays.call(`42/chat,2["join","public:a"]`); got != `43/chat,2["u1",9000000000]` {
		t.Errorf("got %s", got)
	}
}
