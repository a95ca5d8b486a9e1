package jwt

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/require"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
)

// serveMembers serves a namespace /chat for members with a token.
func serveMembers(t *testing.T) (address string) {
	t.Helper()
	// The leeway is long, so that a test ends in time only if nothing waits for it.
	verify := provisionHandler(t, &Handler{Secret: testSecret, CloseOnExpiry: true, Leeway: new(caddy.Duration(24 * time.Hour))})
	refresh := provisionHandler(t, &Handler{Secret: testSecret, From: []string{"{event.args.0}"}})
	member := &require.Handler{Expr: `jwt.role != "banned"`, Message: "you are banned, {jwt.sub}"}
	public := &require.Handler{Expr: `event.args[0].startsWith("public:")`}
	for _, r := range []*require.Handler{member, public} {
		if err := r.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
	}
	ack := &handlers.Ack{Args: []json.RawMessage{[]byte(`"{jwt.sub}"`), []byte(`"{jwt.exp}"`)}}
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
	return server.Listener.Addr().String()
}

func memberToken(t *testing.T, claims string) string {
	return signToken(t, jose.HS256, []byte(testSecret), "", claims)
}

func TestJWTConnectErrors(t *testing.T) {
	address := serveMembers(t)
	for _, test := range []struct{ name, auth, want string }{
		{"member", fmt.Sprintf(`{"token":%q}`, memberToken(t, `{"sub":"u1","role":"user"}`)), `40/chat,{"sid":"`},
		{"header syntax", fmt.Sprintf(`{"token":"Bearer %s"}`, memberToken(t, `{"sub":"u1","role":"user"}`)), `40/chat,{"sid":"`},
		{"banned", fmt.Sprintf(`{"token":%q}`, memberToken(t, `{"sub":"u1","role":"banned"}`)), `44/chat,{"message":"you are banned, u1"}`},
		{"no role", fmt.Sprintf(`{"token":%q}`, memberToken(t, `{"sub":"u1"}`)), `44/chat,{"message":"you are banned, u1"}`},
		{"nothing", ``, `44/chat,{"message":"token missing"}`},
		{"no token", `{"token":null}`, `44/chat,{"message":"token missing"}`},
		{"expired", fmt.Sprintf(`{"token":%q}`, memberToken(t, `{"exp":1}`)), `44/chat,{"message":"token expired"}`},
		{"object", `{"token":{"alg":"none"}}`, `44/chat,{"message":"invalid token"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := clienttest.Dial(t, address, "", nil).Request(fmt.Sprintf("40/chat,%s", test.auth)); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestJWTAndRequireOnEvents(t *testing.T) {
	c := clienttest.Dial(t, serveMembers(t), "", nil)
	c.Request(fmt.Sprintf(`40/chat,{"token":%q}`, memberToken(t, `{"sub":"u1","role":"user"}`)))
	for _, test := range []struct{ name, event, want string }{
		{"allowed", `421["join","public:a"]`, `431["u1",null]`},
		{"not allowed", `422["join","private:a"]`, `432[{"error":"forbidden"}]`},
		{"no argument", `423["join"]`, `433[{"error":"forbidden"}]`},
		{"invalid refresh", `424["refresh","x.y.z"]`, `434[{"error":"invalid token"}]`},
		{"after that", `425["join","public:a"]`, `435["u1",null]`},
		{"refresh", fmt.Sprintf(`426["refresh",%q]`, memberToken(t, `{"sub":"u2","exp":9000000000}`)), `436["u2",9000000000]`},
	} {
		got := c.Request(strings.Replace(test.event, "42", "42/chat,", 1))
		if want := strings.Replace(test.want, "43", "43/chat,", 1); got != want {
			t.Errorf("%s: got %s, want %s", test.name, got, want)
		}
	}
}

func TestJWTCloseOnExpiry(t *testing.T) {
	address := serveMembers(t)
	soon := memberToken(t, fmt.Sprintf(`{"sub":"u1","role":"user","exp":%d}`, time.Now().Unix()+2))
	connect := func() clienttest.Client {
		c := clienttest.Dial(t, address, "", nil)
		if got := c.Request(fmt.Sprintf(`40/chat,{"token":%q}`, soon)); !strings.HasPrefix(got, `40/chat,{"sid":"`) {
			t.Fatalf("got %s", got)
		}
		return c
	}
	stays, goes := connect(), connect()
	if got := stays.Request(fmt.Sprintf(`42/chat,1["refresh",%q]`, memberToken(t, `{"sub":"u1","exp":9000000000}`))); got != `43/chat,1["u1",9000000000]` {
		t.Fatalf("got %s", got)
	}
	if got := goes.Read(); got != "41/chat," && got != "41/chat" {
		t.Errorf("got %s, want a disconnect packet", got)
	}
	if got := stays.Request(`42/chat,2["join","public:a"]`); got != `43/chat,2["u1",9000000000]` {
		t.Errorf("got %s", got)
	}
}
