package backend

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddy-socketio/caddy-socketio/internal/nearest"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// OptionNames are the options of a backend.
var OptionNames = []string{"timeout", "max_response", "concurrency", "queue", "on_outage", "stream", "sign", "identity"}

// unknownDirective finds the name in Caddy's error about an unknown directive.
var unknownDirective = regexp.MustCompile(`unrecognized directive: (\S+)`)

// locateUnknown returns Caddy's error about an unknown directive with the line of the
// directive in the block, and the block where it belongs. Caddy's error has the line of
// the closing brace. Other errors are returned as they are.
func locateUnknown(err error, block []caddyfile.Token) error {
	found := unknownDirective.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	name := found[1]
	i := slices.IndexFunc(block, func(token caddyfile.Token) bool { return token.Text == name })
	for i > 0 && block[i].Line == block[i-1].Line && block[i].File == block[i-1].File {
		next := slices.IndexFunc(block[i+1:], func(token caddyfile.Token) bool { return token.Text == name })
		if next < 0 {
			return err
		}
		i += 1 + next
	}
	if i < 0 { // in a snippet that a directive imports
		return err
	}
	return directive.ErrorAt(block[i], "backend: %s", describeUnknown(name))
}

// describeUnknown returns the error for a name that is neither an option nor a directive.
func describeUnknown(name string) string {
	_, err := caddy.GetModule("socketio.handlers." + name)
	switch {
	case slices.Contains(streamOptions, name):
		return name + " belongs inside stream { … }"
	case err == nil:
		return name + " belongs inside on EVENT { … }, on a line of its own beside backend"
	case name == "parallel" || name == "allow_ids":
		return name + " belongs inside on EVENT { … }, beside backend"
	}
	hint := "expected "
	if near := nearest.Find(strings.ToLower(name), OptionNames); near != "" {
		hint = "did you mean " + near + "? Expected "
	}
	return fmt.Sprintf("unrecognized directive: %s: %s%s, or a directive for HTTP requests", name, hint, strings.Join(OptionNames, ", "))
}

// checkUpstream returns an error for an upstream with a path, with its line. An address has
// none: a rewrite sets the path of all requests.
func checkUpstream(token caddyfile.Token) error {
	scheme, rest, isURL := strings.Cut(token.Text, "://")
	if !isURL {
		scheme, rest = "", token.Text
	}
	host, path, hasPath := strings.Cut(rest, "/")
	if !hasPath || !isURL && !strings.ContainsAny(host, ":.") || strings.Contains(scheme, "unix") {
		return nil // unix//run/app.sock has a network before the slash
	}
	address := strings.TrimSuffix(token.Text, "/"+path)
	if path == "" {
		return directive.ErrorAt(token, "backend: upstream %s: unexpected slash at its end: expected %s", token.Text, address)
	}
	return directive.ErrorAt(token, "backend: upstream %s: an address has no path: expected %s, and \"rewrite /%s\" on a line in its block", token.Text, address, path)
}
