package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddy-socketio/caddy-socketio"
	_ "github.com/caddy-socketio/caddy-socketio/examples/guest-handler"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// options stand in front of every Caddyfile: no port is opened, and nothing is written.
const options = "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n}\n"

// TestCaddyfiles adapts and provisions every Caddyfile. A part of one is put in the
// place where it belongs.
func TestCaddyfiles(t *testing.T) {
	setTestEnvironment(t)
	for _, b := range readBlocks(t, "caddyfile") {
		t.Run(b.String(), func(t *testing.T) {
			config, err := adaptCaddyfile(completeCaddyfile(b.text))
			if err != nil {
				t.Fatal(err)
			}
			validateConfig(t, config)
		})
	}
}

// TestExampleCaddyfiles adapts and provisions the Caddyfiles under examples/.
func TestExampleCaddyfiles(t *testing.T) {
	setTestEnvironment(t)
	files := []string{filepath.Join(root, "examples", "Caddyfile")}
	for _, pattern := range []string{"*/*Caddyfile", "deploy/*/*Caddyfile"} {
		found, err := filepath.Glob(filepath.Join(root, "examples", pattern))
		if err != nil || len(found) == 0 {
			t.Fatal("no files", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		config, err := adaptCaddyfile(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		validateConfig(t, config)
	}
}

// setTestEnvironment sets the variables that snippets name, and keeps Caddy's files in a
// temporary directory.
func setTestEnvironment(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("JWT_SECRET", strings.Repeat("s", 64))
	t.Setenv("WEBHOOK_SECRET", "a secret")
	t.Setenv("OLD_WEBHOOK_SECRET", "another secret")
	t.Setenv("REDIS_PASSWORD", "a password")
	t.Setenv("PORT", "0")
}

func adaptCaddyfile(text string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return config, err
}

func validateConfig(t *testing.T, config []byte) {
	t.Helper()
	var parsed *caddy.Config
	if err := json.Unmarshal(config, &parsed); err != nil {
		t.Fatal(err)
	}
	if parsed.Logging == nil {
		parsed.Logging = &caddy.Logging{}
	}
	parsed.Admin = &caddy.AdminConfig{Disabled: true}
	if err := caddy.Validate(parsed); err != nil {
		t.Errorf("%v\n%s", err, config)
	}
}

// inRule are the first words of lines that stand in a rule.
var inRule = regexp.MustCompile(`^(join|leave|emit|ack|set|disconnect|jwt|require|backend) `)

// isSite reports whether a line opens a site block.
var isSite = regexp.MustCompile(`^(https?://\S*|:\d+|[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?) \{$`)

// completeCaddyfile returns a whole Caddyfile around a part of one. The first line says
// which part it is.
func completeCaddyfile(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case first == "{":
		if strings.Contains(text, "\n}\n\n") { // global options and sites
			return strings.Replace(text, "{\n", strings.TrimSuffix(options, "}\n"), 1)
		}
		return strings.Replace(text, "{\n", strings.TrimSuffix(options, "}\n"), 1) + ":80 {\n\tsocketio\n}\n"
	case isSite.MatchString(first):
		return options + text
	case inRule.MatchString(first):
		text = "on test {\n" + text + "}\n"
		fallthrough
	case strings.HasPrefix(first, "on "):
		text = "namespace /test {\n" + text + "}\n"
		fallthrough
	case strings.HasPrefix(first, "namespace "):
		text = "socketio {\n" + text + "}\n"
	}
	return options + ":80 {\n" + text + "}\n"
}

// TestJSON parses every block of JSON. Configs are loaded: of Caddy, of the handlers in
// a site, and of the handlers of a rule.
func TestJSON(t *testing.T) {
	setTestEnvironment(t)
	for _, b := range readBlocks(t, "json") {
		t.Run(b.String(), func(t *testing.T) {
			var value struct {
				Apps    json.RawMessage
				Handler string
			}
			if err := json.Unmarshal([]byte(b.text), &value); err != nil {
				t.Fatal(err)
			}
			switch {
			case value.Apps != nil:
				validateConfig(t, []byte(b.text))
			case value.Handler == "socketio", value.Handler == "socketio_api":
				validateConfig(t, []byte(routeJSON(b.text)))
			case value.Handler != "":
				validateConfig(t, []byte(routeJSON(`{"handler":"socketio","namespaces":[{"name":"/test","on":[{"events":["connect"],"handle":[`+b.text+`]}]}]}`)))
			}
		})
	}
}

// routeJSON returns a config with a handler.
func routeJSON(handler string) string {
	return `{"apps":{"http":{"servers":{"test":{"listen":[":80"],"routes":[{"handle":[` + handler + `]}]}}}}}`
}
