package socketio

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestFloors lists the packages of this and other modules that each package may import,
// tests aside. A new import needs a reason.
func TestFloors(t *testing.T) {
	const caddy = "github.com/caddyserver/caddy/v2"
	const caddyfile = caddy + " " + caddy + "/caddyconfig/caddyfile"
	allowed := map[string]string{
		"internal/spawn":       "go.uber.org/zap",
		"internal/budget":      "internal/address internal/spawn go.uber.org/zap",
		"internal/eio":         "",
		"internal/glob":        "",
		"internal/nearest":     "",
		"internal/hopbyhop":    "",
		"internal/id":          "",
		"internal/replies":     "",
		"internal/descriptors": "",
		"internal/redact":      "",
		"internal/roster":      "internal/table",
		"internal/table":       "",
		"sio":                  "internal/eio",
		"rooms":                "internal/table",
		"internal/histogram":   "",
		"cluster":              "internal/histogram internal/eio rooms sio",
		"internal/bucket":      "",
		"internal/engine":      "internal/address internal/bucket internal/budget internal/eio internal/engine/frames internal/histogram internal/hopbyhop internal/id internal/spawn go.uber.org/zap",
		"hub":                  "cluster cluster/memory rooms sio internal/address internal/bucket internal/budget internal/descriptors internal/eio internal/engine internal/glob internal/histogram internal/id internal/nearest internal/redact internal/replies internal/roster internal/spawn internal/table go.uber.org/zap go.uber.org/zap/zapcore",
		"internal/adminui":     "cluster hub internal/address internal/redact internal/spawn rooms sio go.uber.org/zap golang.org/x/crypto/bcrypt",
		"internal/tail":        "hub internal/glob internal/id internal/redact internal/spawn sio go.uber.org/zap",
		"internal/api":         "cluster hub internal/glob internal/lenient internal/replies internal/tail rooms sio",
		"internal/cli":         "handlers/placeholder internal/api internal/spawn github.com/spf13/cobra github.com/spf13/pflag golang.org/x/term golang.org/x/text/width " + caddy + "/cmd",
		"internal/lenient":     "sio",
		"internal/handshake":   caddy + " " + caddy + "/modules/caddyhttp go.opentelemetry.io/otel/attribute go.opentelemetry.io/otel/codes go.opentelemetry.io/otel/trace",
		"internal/reach":       caddy + " " + caddy + "/modules/caddyhttp",

		"handlers":                   "internal/directive handlers/internal/emission handlers/placeholder hub " + caddyfile,
		"handlers/internal/emission": "hub",
		"internal/directive":         caddy + "/caddyconfig/caddyfile",
		"handlers/placeholder":       "hub internal/lenient internal/nearest sio " + caddy,
		"handlers/jwt":               "internal/directive handlers/placeholder hub internal/spawn sio " + caddyfile + " github.com/go-jose/go-jose/v4 github.com/go-jose/go-jose/v4/jwt go.uber.org/zap",
		"handlers/require": "internal/directive handlers/placeholder hub internal/engine internal/handshake sio " + caddyfile + " cel.dev/cel-go/cel " +
			"cel.dev/cel-go/common/decls cel.dev/cel-go/common/env cel.dev/cel-go/common/types cel.dev/cel-go/common/types/ref cel.dev/cel-go/common/types/traits cel.dev/cel-go/ext cel.dev/cel-go/interpreter",
		"handlers/backend": "internal/directive handlers/internal/emission handlers/placeholder hub internal/handshake internal/hopbyhop internal/lenient internal/nearest internal/spawn sio " + caddyfile + " " + caddy + "/caddyconfig/httpcaddyfile " +
			caddy + "/modules/caddyhttp github.com/dustin/go-humanize github.com/prometheus/client_golang/prometheus go.opentelemetry.io/contrib/propagators/autoprop go.opentelemetry.io/otel/codes go.opentelemetry.io/otel/propagation go.opentelemetry.io/otel/trace go.uber.org/zap golang.org/x/text/unicode/norm",

		"internal/browserclient":        "",
		"internal/engine/frames":        "github.com/gorilla/websocket",
		"cluster/memory":                "cluster internal/address internal/budget internal/eio internal/id rooms",
		"cluster/internal/messages":     "cluster internal/msgpack rooms sio",
		"cluster/internal/redisconn":    caddy + " " + caddy + "/caddyconfig/caddyfile github.com/redis/rueidis",
		"cluster/internal/redisadapter": caddy + " cluster cluster/internal/messages cluster/internal/redisconn internal/eio internal/histogram internal/msgpack internal/spawn rooms sio github.com/redis/rueidis go.uber.org/zap",
		"internal/redistest":            caddy + " " + caddy + "/caddyconfig/caddyfile cluster internal/freeport rooms sio",
	}
	for pkg, list := range allowed {
		t.Run(pkg, func(t *testing.T) {
			may := make(map[string]bool)
			for name := range strings.FieldsSeq(list) {
				may[expandImport(name)] = true
			}
			out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./"+pkg).Output()
			if err != nil {
				t.Fatal(err)
			}
			for name := range strings.FieldsSeq(string(out)) {
				if strings.Contains(name, ".") && !may[name] {
					t.Errorf("%s must not import %s", pkg, name)
				}
			}
		})
	}
}

// TestGuestsStaySmall checks that a module with a handler of its own does not pull in
// the libraries of other handlers, nor Caddy's HTTP server, when it uses placeholders.
func TestGuestsStaySmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./handlers/placeholder").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		for _, heavy := range []string{"github.com/go-jose/", "cel.dev/", "github.com/caddyserver/caddy/v2/modules/", "github.com/redis/"} {
			if strings.HasPrefix(name, heavy) {
				t.Errorf("handlers/placeholder must not depend on %s", name)
			}
		}
	}
}

// TestTestsAddNoModules checks that a build downloads nothing for the sake of our tests:
// a module that only tests import is one that Caddy or another dependency requires too.
func TestTestsAddNoModules(t *testing.T) {
	list := func(args ...string) []string {
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	production := list("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
	required := make(map[string]bool)
	edges := list("mod", "graph")
	for i := 0; i+1 < len(edges); i += 2 {
		if edges[i] != modulePath {
			name, _, _ := strings.Cut(edges[i+1], "@")
			required[name] = true
		}
	}
	for _, name := range list("list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all") {
		if !slices.Contains(production, name) && !required[name] {
			t.Errorf("only tests need %s: move them to a module of their own", name)
		}
	}
}

// expandImport returns the import path of a package of this module, or of another.
func expandImport(name string) string {
	if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
		return name
	}
	return modulePath + "/" + name
}
