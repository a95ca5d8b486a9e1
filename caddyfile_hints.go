package socketio

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/backend"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddy-socketio/caddy-socketio/internal/nearest"
	"github.com/caddyserver/caddy/v2"
)

// nodeWords are words of Node.js and of Caddyfiles that newcomers write for an option or
// a handler.
var nodeWords = map[string]string{
	"io.emit": "all emit", "io.sockets.emit": "all emit", "io.local.emit": "all local emit",
	"socket.broadcast.emit": "broadcast emit", "socket.volatile.emit": "volatile emit",
	"socket.to": "to", "socket.in": "to", "io.to": "in", "io.in": "in", "socket.broadcast": "broadcast", "io.local": "local",
	"socketsJoin": "in ROOM join", "socketsLeave": "in ROOM leave", "disconnectSockets": "in ROOM disconnect",
	"onAny": "on *", "of": "namespace", "setInterval": "every",
	"callback": "ack", "cb": "ack", "reply": "ack", "respond": "ack", "return": "ack",
	"send": "emit", "publish": "emit", "subscribe": "join", "unsubscribe": "leave", "kick": "disconnect",
	"data": "set", "if": "require", "auth": "jwt", "authenticate": "jwt",
	"reverse_proxy": "backend", "php_fastcgi": "backend", "webhook": "backend", "fetch": "backend",
	"cors": "origins", "maxHttpBufferSize": "max_payload", "allowEIO3": "protocols", "perMessageDeflate": "compression",
	"httpCompression": "compression", "connectionStateRecovery": "recovery", "event": "on",
}

// roomCall finds the room of a call like io.to("lobby").emit.
var roomCall = regexp.MustCompile(`^(socket|io)\.(to|in)\(["']?([^"')]*)["']?\)`)

// suggestName returns the known name that an unknown one probably means, or "".
func suggestName(name string, known []string) string {
	if call := roomCall.FindStringSubmatch(name); call != nil {
		if call[1] == "io" {
			return "in " + call[3] + " emit"
		}
		return "to " + call[3] + " emit"
	}
	name, _, _ = strings.Cut(strings.TrimRight(name, ":;,="), "(")
	if key, ok := strings.CutPrefix(name, "socket.data."); ok {
		return "set " + key
	}
	if meant, ok := nodeWords[name]; ok {
		return meant
	}
	for _, object := range []string{"socket.", "io.", "this."} {
		name = strings.TrimPrefix(name, object)
	}
	if meant, ok := nodeWords[name]; ok {
		return meant
	}
	if snake := toSnakeCase(name); slices.Contains(known, snake) {
		return snake
	}
	return nearest.Find(strings.ToLower(name), known)
}

// toSnakeCase returns a name like pingInterval as ping_interval.
func toSnakeCase(name string) string {
	var b strings.Builder
	for i, r := range name {
		if 'A' <= r && r <= 'Z' {
			if r += 'a' - 'A'; i > 0 {
				b.WriteByte('_')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// optionPlaces returns the names of the options of each block.
func (p *parser) optionPlaces() []struct {
	place string
	names []string
} {
	return []struct {
		place string
		names []string
	}{
		{"socketio { … }", optionNames(p.directiveOptions())},
		{"namespace NAME { … }", optionNames(p.namespaceOptions(new(Namespace)))},
		{"namespace NAME { on EVENT { … } }", append(optionNames(p.ruleOptions(new(Rule))), handlerNames()...)},
		{"backend { … }", backend.OptionNames},
		{"the global options: { socketio { … } }", []string{"cluster"}},
	}
}

// unknownName returns the error for the current token, which is no name that a block
// has. kind says which names they are. The error names the block that has it, or the known
// name that it probably means.
func (p *parser) unknownName(kind string, known []string) error {
	name := p.Val()
	if slices.Contains(directive.TargetWords, name) {
		return p.Errf("%s belongs inside namespace NAME { on EVENT { … } }, before the name of a handler: %s", name, `"to lobby emit news"`)
	}
	for _, place := range p.optionPlaces() {
		if slices.Contains(place.names, name) {
			return p.Errf("%s belongs inside %s", name, place.place)
		}
	}
	hint := "expected " + joinWords(known)
	if meant := suggestName(name, known); meant != "" {
		hint = "did you mean " + meant + "? Expected " + joinWords(known)
	} else if kind == "handler" {
		hint += ", or a module " + handlersNamespace + name
	}
	if strings.Contains(name, "(") {
		hint += "; a line has a name and arguments, without parentheses and commas"
	}
	return p.Errf("unknown %s %q: %s", kind, name, hint)
}

// unknownHandler returns the error for the current token, which is no handler.
func (p *parser) unknownHandler() error {
	name := p.Val()
	if name == "on" || name == "namespace" {
		return p.Errf("%s inside of a rule: expected a handler, or the closing brace of the rule before it", name)
	}
	if _, err := caddy.GetModule("http.handlers." + name); err == nil {
		return p.Errf("unknown handler %q: a directive for HTTP requests belongs inside backend { … }", name)
	}
	if meant := nearest.Find(strings.ToLower(name), directive.TargetWords); meant != "" && !strings.Contains(name, ".") {
		return p.Errf("unknown handler %q: did you mean %s?", name, meant)
	}
	return p.unknownName("handler", append(optionNames(p.ruleOptions(new(Rule))), handlerNames()...))
}

// joinWords returns words as text: "a, b or c".
func joinWords(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
