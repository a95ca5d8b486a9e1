package socketio

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/gorilla/websocket"
)

// upgradePolling moves a polling client to a WebSocket.
func (c *pollingClient) upgradePolling() *websocket.Conn {
	c.t.Helper()
	url := "ws" + strings.TrimPrefix(strings.Replace(c.url, "transport=polling", "transport=websocket", 1), "http")
	conn, resp, err := websocket.DefaultDialer.DialContext(c.t.Context(), url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	c.t.Cleanup(func() { conn.Close() })
	for _, step := range [][2]string{{"2probe", "3probe"}, {"5", ""}} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(step[0])); err != nil {
			c.t.Fatal(err)
		}
		if step[1] == "" {
			continue
		}
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != step[1] {
			c.t.Fatal(string(got), err)
		}
	}
	return conn
}

// sessionID returns the id in the URL of a client.
func (c *pollingClient) sessionID() string {
	_, sid, _ := strings.Cut(c.url, "&sid=")
	return sid
}

func TestAccessLogDescribesSessions(t *testing.T) {
	l := startLogged(t, "socketio {\nnamespace /chat\n}")
	c := l.connectPolling("/chat")
	conn := c.upgradePolling()
	lines := l.awaitLines(l.access, "handled request", 2)
	hash := id.ForLog(c.sessionID())
	for i, want := range []struct {
		status         float64
		transport, uri string
	}{
		{200, "polling", "/socket.io/?EIO=4&transport=polling"},
		{101, "websocket", "/socket.io/?EIO=4&sid=" + hash + "&transport=websocket"},
	} {
		line := lines[i]
		fields, _ := line["socketio"].(map[string]any)
		request := line["request"].(map[string]any)
		if line["status"] != want.status || request["uri"] != want.uri || fields["session"] != hash || fields["transport"] != want.transport || fields["protocol"] != 4.0 {
			t.Errorf("line %d: %v", i, line)
		}
	}
	conn.Close()
	ended := l.awaitLines(l.events, "socket disconnected", 1)[0]
	if ended["logger"] != "socketio.sockets" || ended["session"] != hash || ended["reason"] != "transport close" {
		t.Errorf("got %v", ended)
	}
	if n := len(l.readLines(l.access)); n != 2 {
		t.Errorf("%d lines: polls are logged", n)
	}
}

// The lines of sockets go to a log of their own, or nowhere.
func TestSocketLinesCanBeSwitchedOff(t *testing.T) {
	l := &loggedSite{caddyServer: startCaddy(t, false, "respond 404"), events: filepath.Join(t.TempDir(), "default"), access: filepath.Join(t.TempDir(), "sockets")}
	l.loadSite("socketio", func(config map[string]any) {
		logTo := func(file string, more string) json.RawMessage {
			return json.RawMessage(fmt.Sprintf(`{"writer":{"output":"watched_file","filename":%q},"encoder":{"format":"json"},"level":"DEBUG",%s}`, file, more))
		}
		config["logging"] = map[string]any{"logs": map[string]any{
			"default": logTo(l.events, `"exclude":["socketio.sockets"]`),
			"sockets": logTo(l.access, `"include":["socketio.sockets"]`),
		}}
	})
	conn := dialWebSocket(t, l.site)
	conn.Close()
	l.awaitLines(l.access, "socket disconnected", 1)
	for _, line := range l.readLines(l.events) {
		if line["logger"] == "socketio.sockets" {
			t.Errorf("the default log has %v", line)
		}
	}
}

// secretSite has handlers with secrets of their own.
const secretSite = `
	socketio {
		rate_limit 1 6
		namespace /jwt {
			on connect {
				jwt {
					secret secret-of-jwt-0123456789012345678901
				}
			}
		}
		namespace /app {
			on connect message {
				backend {
					sign secret-of-webhooks
					reverse_proxy %s
				}
			}
		}
		namespace /chat {
			on message {
				require false
			}
		}
	}`

// secretHeader is in the requests of clients with secrets.
var secretHeader = []string{"Cookie", "session=secret-cookie", "Authorization", "Bearer secret-bearer"}

// TestLogsHaveNoSecrets runs clients whose every part has a secret, with all logs at debug
// level.
func TestLogsHaveNoSecrets(t *testing.T) {
	l := startLogged(t, fmt.Sprintf(secretSite, freeport.Address()))
	var ids []string
	for _, namespace := range []string{"/jwt", "/app", "/chat"} {
		ids = append(ids, l.sendSecrets(namespace))
	}
	sid := l.sendSecretsOfRevision3()
	for _, path := range []string{
		"?EIO=4&transport=polling&sid=secret-unknown", "?EIO=4&transport=none&sid=" + sid, "?EIO=4&transport=polling&j=0&token=secret-query",
		"?EIO=4&transport=polling&token=secret-query&broken=%zz&sid=" + sid,
	} {
		l.doRequest(http.MethodGet, l.site+"/socket.io/"+path, "", append(secretHeader, "Origin", "https://elsewhere.example")...)
	}
	l.awaitLines(l.events, "socket disconnected", 2)
	for _, path := range []string{l.access, l.events} {
		l.checkSecrets(path, append(ids, sid, "secret"))
	}
}

// sendSecrets runs a client of a namespace, and returns the id of its session.
func (l *loggedSite) sendSecrets(namespace string) (sid string) {
	l.t.Helper()
	c := &pollingClient{caddyServer: l.caddyServer, url: l.site + "/socket.io/?EIO=4&transport=polling&token=secret-query"}
	var opened struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.pollPackets(secretHeader...), "0")), &opened); err != nil {
		l.t.Fatal(err)
	}
	c.url += "&sid=" + opened.SID
	c.postPacket("40" + namespace + `,{"token":"secret-token"}`)
	l.doRequest(http.MethodGet, c.url, "", secretHeader...) // a connect error, or the connection ends
	for range 8 {
		l.doRequest(http.MethodPost, c.url, `42`+namespace+`,["message","secret-argument"]`, secretHeader...)
	}
	l.doRequest(http.MethodPost, c.url, `9secret-packet`, secretHeader...)
	return opened.SID
}

// sendSecretsOfRevision3 runs a client of Socket.IO 2, and returns the id of its session: it
// is the id of its socket, too.
func (l *loggedSite) sendSecretsOfRevision3() (sid string) {
	l.t.Helper()
	status, body := l.doRequest(http.MethodGet, l.site+"/socket.io/?EIO=3&transport=polling&token=secret-query", "", secretHeader...)
	_, rest, _ := strings.Cut(body, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if status != http.StatusOK || !ok {
		l.t.Fatal(status, body)
	}
	l.doRequest(http.MethodPost, l.site+"/socket.io/?EIO=3&transport=polling&sid="+sid, "25:42[\"nothing\",\"secret-arg\"]1:1", secretHeader...)
	return sid
}

// checkSecrets checks that a log has none of the secrets.
func (l *loggedSite) checkSecrets(path string, secrets []string) {
	l.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "adjusted config") {
			continue // Caddy's own, with the config
		}
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				l.t.Errorf("%s has %s: %s", filepath.Base(path), secret, line)
			}
		}
	}
	l.t.Logf("%d lines in %s", strings.Count(string(text), "\n"), filepath.Base(path))
}
