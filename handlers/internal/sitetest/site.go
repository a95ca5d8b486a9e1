// Package sitetest runs Caddy with a site, and a web application behind it, for the
// tests of handlers.
package sitetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/caddy-socketio/caddy-socketio" // all modules
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // all of Caddy's modules
)

// Site is Caddy in this process, of which there is one at a time.
type Site struct {
	// T is the test that fails when a method does.
	T testing.TB
	// Address is the host and port that clients connect to.
	Address string

	admin, logFile string
	namedRoutes    string
}

// Serve runs Caddy with a site that has the directives. Caddy stops when the test ends.
func Serve(t testing.TB, directives string) *Site {
	t.Helper()
	return ServeWithNamedRoutes(t, "", directives)
}

// ServeWithNamedRoutes is [Serve] with named routes beside the site.
func ServeWithNamedRoutes(t testing.TB, namedRoutes, directives string) *Site {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	s := &Site{
		T: t, Address: freeport.Address(), admin: freeport.Address(),
		logFile: filepath.Join(t.TempDir(), "log"), namedRoutes: namedRoutes,
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.Load(directives)
	return s
}

// Load replaces the site's directives.
func (s *Site) Load(directives string) {
	s.T.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin %s
	persist_config off
	grace_period 1s
	log {
		output file %s
		format json
	}
}
%s
http://%s {
%s
}
`, s.admin, s.logFile, s.namedRoutes, s.Address, directives), nil)
	if err != nil {
		s.T.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		s.T.Fatal(err)
	}
	freeport.AwaitOneListener(s.T, s.Address)
}

// Log returns the text that Caddy has logged so far.
func (s *Site) Log() string {
	s.T.Helper()
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		s.T.Fatal(err)
	}
	return string(text)
}

// ExpectLogged returns the first line of the log that has all of the texts. The test
// fails when there is no such line.
func (s *Site) ExpectLogged(texts ...string) string {
	s.T.Helper()
lines:
	for line := range strings.Lines(s.Log()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		return line
	}
	s.T.Errorf("the log has no line with %q:\n%s", texts, s.Log())
	return ""
}

// Metrics returns the metrics of Caddy's admin endpoint.
func (s *Site) Metrics() string {
	s.T.Helper()
	response, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		s.T.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return string(text)
}

// Dial opens a connection with the header fields, names and values in turn.
func (s *Site) Dial(fields ...string) clienttest.Client {
	s.T.Helper()
	header := make(http.Header)
	for i := 0; i < len(fields); i += 2 {
		header.Set(fields[i], fields[i+1])
	}
	return clienttest.Dial(s.T, s.Address, "&page=1", header)
}

// Connect opens a connection with the header fields and connects it to /app.
func (s *Site) Connect(fields ...string) clienttest.Client {
	s.T.Helper()
	c := s.Dial(fields...)
	c.Call("40/app,", `40/app,{"sid":"*`)
	return c
}

// BackendDirective returns a directive with a namespace /app whose events go to a
// backend with the lines in its block.
func BackendDirective(lines string) string {
	return fmt.Sprintf("socketio {\nnamespace /app {\non connect * disconnecting disconnect {\nbackend {\n%s\n}\n}\n}\n}\n", lines)
}

// Adapt returns the JSON of a Caddyfile.
func Adapt(config string) ([]byte, error) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	return adapted, err
}

// Validate provisions a site with named routes and a directive, and returns the error.
func Validate(t testing.TB, namedRoutes, directive string) error {
	t.Helper()
	config, err := Adapt(namedRoutes + "http://localhost {\n" + directive + "\n}")
	if err != nil {
		t.Fatalf("%s: %v", directive, err)
	}
	var c caddy.Config
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(&c)
}

// Await returns the next value of a channel. The test fails when none comes in time.
func Await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(clienttest.ReadTimeout):
		t.Fatal("no value on the channel in time")
	}
	panic("unreachable")
}
