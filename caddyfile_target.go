package socketio

import (
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// targetUnmarshaler is a handler that may have a target before its name, as in "to lobby
// emit news".
type targetUnmarshaler interface {
	// UnmarshalTarget reads the words before the name, the whole of d. It is called
	// before UnmarshalCaddyfile.
	UnmarshalTarget(d *caddyfile.Dispenser) error
}

// splitTarget splits a line, with its block, into a target and the tokens from the name
// of the handler on. A line that begins with no word of a target has none. A token in
// quotes is neither a word nor a name.
func splitTarget(tokens caddyfile.Segment) (target, handler caddyfile.Segment, err error) {
	if !directive.IsTargetWord(tokens[0]) {
		return nil, tokens, nil
	}
	d := caddyfile.NewDispenser(tokens)
	d.Next()
	var other string
	for i := 1; d.NextArg(); i++ {
		if d.Token().Quoted() || !isHandler(d.Val()) {
			continue
		}
		if acceptsTarget(d.Val()) {
			return tokens[:i], tokens[i:], nil
		}
		if other == "" {
			other = d.Val()
		}
	}
	if err := checkTargetVerb(tokens); err != nil {
		return nil, nil, err
	}
	d.Reset()
	d.Next()
	if other != "" {
		return nil, nil, d.Errf("%s: the handler %s takes no target", d.Val(), other)
	}
	return nil, nil, d.Errf("%s: expected a handler behind the target: one of %s, as in \"%s\"",
		d.Val(), strings.Join(targetHandlers(), ", "), "to lobby emit news")
}

// checkTargetVerb returns an error for the first word behind a target that is no handler but
// means one, as disconnectSockets does.
func checkTargetVerb(tokens caddyfile.Segment) error {
	verbs := map[string]string{
		"socketsJoin": "join", "socketsLeave": "leave", "disconnectSockets": "disconnect",
		"fetchSockets": "members", "send": "emit", "publish": "emit", "message": "emit message", "kick": "disconnect",
	}
	for _, token := range lineArgs(tokens) {
		if meant, ok := verbs[token.Text]; ok && !token.Quoted() {
			return directive.ErrorAt(token, "%s is no handler: did you mean %s?", token.Text, meant)
		}
	}
	return nil
}

// acceptsTarget reports whether the handler of that name may have a target.
func acceptsTarget(name string) bool {
	info, err := caddy.GetModule(handlersNamespace + name)
	if err != nil {
		return false
	}
	_, ok := info.New().(targetUnmarshaler)
	return ok
}

// targetHandlers returns the names of all handlers that may have a target.
func targetHandlers() []string {
	return slices.DeleteFunc(handlerNames(), func(name string) bool { return !acceptsTarget(name) })
}
