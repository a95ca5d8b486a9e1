package socketio

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddyserver/caddy/v2"
)

// caddyServer is the Caddy in this process. Only one runs at a time.
type caddyServer struct {
	t      testing.TB
	admin  string // address of the admin endpoint
	site   string // URL of the site, without a path
	client *http.Client
}

// startCaddy runs Caddy with a site of the given directives until the test ends. The admin
// endpoint is on a TCP port or, with unix, on a Unix socket.
func startCaddy(t testing.TB, unix bool, directives string) *caddyServer {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	s := &caddyServer{t: t, admin: freeport.Address(), site: "http://" + freeport.Address(), client: http.DefaultClient}
	if unix {
		s.admin = "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.loadSite(directives)
	return s
}

// loadSite replaces the directives of the site. The edits change the adapted config.
func (s *caddyServer) loadSite(directives string, edits ...func(config map[string]any)) {
	s.t.Helper()
	config, err := adaptCaddyfile(fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n\tstorage file_system %s\n\tlog {\n\t\toutput discard\n\t}\n}\n%s {\n%s\n}\n",
		s.admin, s.t.TempDir(), s.site, directives))
	if err != nil {
		s.t.Fatal(err)
	}
	var edited map[string]any
	if err := json.Unmarshal([]byte(config), &edited); err != nil {
		s.t.Fatal(err)
	}
	for _, edit := range edits {
		edit(edited)
	}
	text, err := json.Marshal(edited)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := caddy.Load(text, true); err != nil {
		s.t.Fatal(err)
	}
	_, address, _ := strings.Cut(s.site, "://")
	freeport.AwaitOneListener(s.t, address)
}

// keepTrustStore keeps the certificate authority of "tls internal" out of the trust
// store of the machine.
func keepTrustStore(config map[string]any) {
	config["apps"].(map[string]any)["pki"] = json.RawMessage(`{"certificate_authorities":{"local":{"install_trust":false}}}`)
}

// doRequest makes a request and returns the status and the body.
func (s *caddyServer) doRequest(method, url, body string, header ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// checkResponse makes a request and compares the status and the body.
func (s *caddyServer) checkResponse(status int, answer, method, url, body string, header ...string) {
	s.t.Helper()
	gotStatus, got := s.doRequest(method, url, body, header...)
	if gotStatus != status || got != answer {
		s.t.Errorf("%s %s: got %d %s\nwant %d %s", method, url, gotStatus, got, status, answer)
	}
}

// pollingClient is a Socket.IO client that polls.
type pollingClient struct {
	*caddyServer
	url, id string
}

// connectPolling connects a client to a namespace other than "/". Its first request has the
// given header.
func (s *caddyServer) connectPolling(namespace string, header ...string) *pollingClient {
	s.t.Helper()
	c := &pollingClient{caddyServer: s, url: s.site + "/socket.io/?EIO=4&transport=polling"}
	var opened, connected struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.pollPackets(header...), "0")), &opened); err != nil {
		s.t.Fatal(err)
	}
	c.url += "&sid=" + opened.SID
	c.postPacket("40" + namespace + ",")
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.pollPackets(), "40"+namespace+",")), &connected); err != nil {
		s.t.Fatal(err)
	}
	c.id = connected.SID
	return c
}

func (c *pollingClient) pollPackets(header ...string) string {
	c.t.Helper()
	status, body := c.doRequest(http.MethodGet, c.url, "", header...)
	if status != http.StatusOK {
		c.t.Fatal(status, body)
	}
	return body
}

func (c *pollingClient) postPacket(packet string) {
	c.t.Helper()
	if status, body := c.doRequest(http.MethodPost, c.url, packet); status != http.StatusOK {
		c.t.Fatal(status, body)
	}
}
