package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddyserver/caddy/v2"
)

// TestSites compares the JSON and the responses of real Caddyfiles with the expected
// ones. A file of testdata/sites has a Caddyfile, its JSON, and the responses to a
// stranger and to a friend, or the error that refuses the config. With a comment
// "# under: /x" the clients request paths under /x, too.
func TestSites(t *testing.T) {
	files, err := filepath.Glob("testdata/sites/*.caddyfiletest")
	if err != nil || len(files) < 20 {
		t.Fatal("too few files", err)
	}
	places := startSites(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) { testSite(t, file, places) })
	}
}

func testSite(t *testing.T, file string, places *strings.Replacer) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	input, want, _ := strings.Cut(string(content), separator)
	config, err := adaptCaddyfile(input)
	if err != nil {
		t.Fatal(err)
	}
	got := config + separator + trySite(t, input, config, places)
	if *update {
		if err := os.WriteFile(file, []byte(input+separator+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// startSites starts the applications behind the sites of the Caddyfiles. It returns a replacer
// from the addresses and directories in the files to the real ones.
func startSites(t *testing.T) *strings.Replacer {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "app %s", r.URL.Path) }))
	t.Cleanup(app.Close)
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(auth.Close)
	php, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { php.Close() })
	go func() {
		_ = fcgi.Serve(php, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "php %s", r.URL.Path) }))
	}()
	root, err := filepath.Abs("testdata/sites")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("app:9000", app.Listener.Addr().String(), "auth:9000", auth.Listener.Addr().String(),
		"php:9000", php.Addr().String(), "/srv/www", root+"/www", "/srv/php", root+"/php")
}

// trySite loads a config and returns the responses and the warnings of the log.
func trySite(t *testing.T, input, config string, places *strings.Replacer) string {
	t.Helper()
	logFile := filepath.Join(t.TempDir(), "log")
	var edited struct {
		Apps  map[string]json.RawMessage `json:"apps"`
		Admin json.RawMessage            `json:"admin"`
		Logs  any                        `json:"logging"`
	}
	if err := json.Unmarshal([]byte(places.Replace(config)), &edited); err != nil {
		t.Fatal(err)
	}
	// Each config has an address of its own: the listener of the last config may still close.
	address := freeport.Address()
	edited.Apps["http"] = bytes.Replace(edited.Apps["http"], []byte(`":80"`), []byte(`"`+address+`"`), 1)
	edited.Apps["http"] = bytes.Replace(edited.Apps["http"], []byte(`"listen"`), []byte(`"automatic_https":{"disable":true},"listen"`), 1)
	edited.Admin = json.RawMessage(`{"disabled":true,"config":{"persist":false}}`)
	edited.Logs = map[string]any{"logs": map[string]any{"default": map[string]any{
		"level": "WARN", "writer": map[string]any{"output": "file", "filename": logFile}, "encoder": map[string]any{"format": "json"},
	}}}
	text, err := json.Marshal(edited)
	if err != nil {
		t.Fatal(err)
	}
	var answers strings.Builder
	if err := caddy.Load(text, true); err != nil {
		_, reason, _ := strings.Cut(err.Error(), "provision http.handlers.socketio")
		fmt.Fprintln(&answers, "refused:", reason[strings.Index(reason, ": ")+2:])
		return answers.String()
	}
	prefixes := []string{""}
	for _, under := range regexp.MustCompile(`(?m)# under: (\S+)$`).FindAllStringSubmatch(input, -1) {
		prefixes = append(prefixes, under[1])
	}
	for _, prefix := range prefixes {
		v := &siteVisitor{t: t, site: "http://" + address, prefix: prefix}
		for _, name := range []string{"stranger", "friend"} {
			v.friend = name == "friend"
			v.visitSite(name, &answers)
		}
	}
	return answers.String() + readWarnings(t, logFile)
}

// siteVisitor makes the requests of a client, an application and a browser.
type siteVisitor struct {
	t            *testing.T
	site, prefix string
	friend       bool
}

func (v *siteVisitor) visitSite(name string, answers *strings.Builder) {
	ask := func(what, method, path, body string, header ...string) string {
		answer := v.requestPath(method, v.prefix+path, body, header...)
		fmt.Fprintf(answers, "%-8s  %-24s  %s\n", name, what+" "+v.prefix, strings.TrimSpace(maskSID.ReplaceAllString(answer, `"sid":"*"`)))
		return answer
	}
	handshake := ask("handshake", "GET", "/socket.io/?EIO=4&transport=polling", "")
	if sid := maskSID.FindStringSubmatch(handshake); sid != nil {
		path := "/socket.io/?EIO=4&transport=polling&sid=" + sid[1]
		ask("connect", "POST", path, "40")
		ask("poll", "GET", path, "")
	}
	ask("websocket", "GET", "/socket.io/?EIO=4&transport=websocket", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
	ask("without slash", "GET", "/socket.io?EIO=4&transport=polling", "")
	ask("API status", "GET", "/socketio/", "")
	ask("API emit", "POST", "/socketio/emit", `{"event":"x","to":["nobody"]}`, "Content-Type", "application/json")
	ask("page", "GET", "/", "")
	ask("other page", "GET", "/about.html", "")
}

var maskSID = regexp.MustCompile(`"sid":"([^"]+)"`)

// requestPath makes a request and returns the status and the beginning of the body.
func (v *siteVisitor) requestPath(method, path, body string, header ...string) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Host = "example.com"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if v.friend {
		r.Header.Set("X-Key", "secret")
		r.SetBasicAuth("ada", "secret")
	}
	transport := &http.Transport{DisableKeepAlives: r.Header.Get("Upgrade") == ""}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return "aborted"
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return "101"
	}
	if location := resp.Header.Get("Location"); location != "" {
		return fmt.Sprint(resp.StatusCode, " to ", location)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	content, _, _ = bytes.Cut(content, []byte("\n"))
	return fmt.Sprintf("%d %.45s", resp.StatusCode, strings.ReplaceAll(string(content), moduleVersion(), "VERSION"))
}

// readWarnings returns the warnings of this module's handlers.
func readWarnings(t *testing.T, logFile string) string {
	t.Helper()
	lines, err := os.ReadFile(logFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var found strings.Builder
	for line := range strings.Lines(string(lines)) {
		var entry struct {
			Logger, Msg, At, Reason, Fix string
			Original                     string `json:"original_path"`
			Path                         string
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(entry.Logger, "http.handlers.socketio") {
			fmt.Fprintln(&found, "warning:", strings.Join(slices.DeleteFunc([]string{
				entry.At, entry.Msg, entry.Original, entry.Path, entry.Reason, entry.Fix,
			}, func(s string) bool { return s == "" }), "; "))
		}
	}
	return found.String()
}
