package socketio

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
)

// warn logs a warning with the line of a token, as Caddy logs the warnings of an adapter.
// The config is valid, but probably not meant.
func (p *parser) warn(token caddyfile.Token, format string, args ...any) {
	caddy.Log().Named("caddyfile").Warn("socketio: "+fmt.Sprintf(format, args...),
		zap.String("file", token.File), zap.Int("line", token.Line))
}

// beginsBlock reports whether a block follows the current token.
func (p *parser) beginsBlock() bool {
	if !p.Next() {
		return false
	}
	defer p.Prev()
	return p.Val() == "{" && !p.Token().Quoted()
}

// checkLine returns an error for a line of a rule that is a mistake, though its handler
// could read it. The line begins with the name of the handler, and has its block.
func (p *parser) checkLine(tokens caddyfile.Segment) error {
	name, args := tokens[0], lineArgs(tokens)
	if name.Text == "ack" && p.rule != nil && !slices.ContainsFunc(p.rule.Events, isClientEvent) {
		return directive.ErrorAt(name, "ack: on %s has no acknowledgement: only events that clients emit have one", strings.Join(p.rule.Events, " "))
	}
	if name.Text == "members" && len(args) == 1 && p.rule != nil && !slices.ContainsFunc(p.rule.Events, isClientEvent) {
		return directive.ErrorAt(name, "members: on %s has no acknowledgement for the list: expected an event, members %s EVENT",
			strings.Join(p.rule.Events, " "), args[0].Text)
	}
	if name.Text != "emit" || len(args) == 0 {
		return nil
	}
	if at, text, ok := findSingleQuotes(args); ok && at.Text == args[0].Text {
		return directive.ErrorAt(at, "emit: the event %s begins with a single quote, which belongs to the text: expected double quotes or backticks, %s", text, quoteText(text))
	}
	for i, arg := range args[1:] {
		isRooms := slices.Contains([]string{"to", "in", "except"}, arg.Text) && len(args) > i+2
		isFlag := slices.Contains([]string{"broadcast", "volatile", "include_sender"}, arg.Text)
		if !arg.Quoted() && (isRooms || isFlag) {
			return directive.ErrorAt(arg, "emit %s: %s stands before emit: \"to lobby emit news\"; as an argument it stands in quotes", args[0].Text, arg.Text)
		}
	}
	return nil
}

// warnOfLine warns of a line of a rule, with its block, that is valid but probably not
// meant. tokens are the line from the name of the handler on.
func (p *parser) warnOfLine(target, tokens, line caddyfile.Segment) {
	args := lineArgs(tokens)
	p.warnOfMarks(slices.Concat(target, args))
	for _, token := range line {
		p.warnOfPlaceholders(token)
	}
	if words := bareWords(args); tokens[0].Text == "emit" && isPhrase(words) {
		p.warn(args[0], "emit %s emits the event %q: a name with spaces stands in quotes, emit %q; arguments in quotes are meant",
			joinTokens(words), args[0].Text, joinTokens(words))
	}
	if p.rule != nil {
		p.warnOfEventParts(line)
		p.warnOfSocket(tokens, len(target) > 0)
	}
}

// lineArgs returns the arguments behind the name of a handler, without a block.
func lineArgs(tokens caddyfile.Segment) []caddyfile.Token {
	args := tokens[1:]
	if i := slices.IndexFunc(args, func(token caddyfile.Token) bool { return token.Text == "{" && !token.Quoted() }); i >= 0 {
		return args[:i]
	}
	return args
}

// warnOfMarks warns of arguments without quotes that end with a comma or a semicolon.
func (p *parser) warnOfMarks(args []caddyfile.Token) {
	for _, arg := range args {
		if plain := strings.TrimRight(arg.Text, ",;"); plain != arg.Text && !arg.Quoted() && !strings.ContainsAny(arg.Text[:1], "{[") {
			p.warn(arg, "%q belongs to the text: spaces separate arguments, and each handler has a line of its own; in quotes the mark is meant", arg.Text)
		}
	}
}

// findSingleQuotes returns the first text in single quotes of a line's arguments, with the
// token where it begins. ok is false without one.
func findSingleQuotes(args []caddyfile.Token) (at caddyfile.Token, text string, ok bool) {
	for i, arg := range args {
		if arg.Quoted() || !strings.HasPrefix(arg.Text, "'") {
			continue
		}
		for j, last := range args[i:] {
			if last.Line == arg.Line && strings.HasSuffix(last.Text, "'") && !last.Quoted() && (j > 0 || len(last.Text) > 1) {
				return arg, joinTokens(args[i : i+j+1]), true
			}
		}
	}
	return at, "", false
}

// quoteText returns a text that stands in single quotes as a Caddyfile quotes it.
func quoteText(single string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(single, "'"), "'")
	if strings.Contains(text, `"`) {
		return "`" + text + "`"
	}
	return `"` + text + `"`
}

// warnOfSingleQuotes warns of a text in single quotes, which does not group words here.
func (p *parser) warnOfSingleQuotes(name string, args []caddyfile.Token) {
	if at, text, ok := findSingleQuotes(args); ok {
		p.warn(at, "%s: single quotes belong to the text %s: expected double quotes or backticks, %s", name, text, quoteText(text))
	}
}

// spacedPlaceholder finds a placeholder with spaces inside of its braces.
var spacedPlaceholder = regexp.MustCompile(`\{(\s+(socket|event|jwt|http)\.[\w.*-]+\s*|(socket|event|jwt|http)\.[\w.*-]+\s+)\}`)

// characterClass finds the class of a regular expression, which looks like a placeholder.
var characterClass = regexp.MustCompile(`\\[pP]\{\^?\w+\}`)

// warnOfPlaceholders warns of placeholders in a text that probably have no value.
func (p *parser) warnOfPlaceholders(token caddyfile.Token) {
	for _, unknown := range placeholder.FindUnknown(characterClass.ReplaceAllString(token.Text, "")) {
		if unknown.Nearest != "" {
			p.warn(token, "unknown placeholder {%s}: did you mean {%s}?", unknown.Key, unknown.Nearest)
			continue
		}
		p.warn(token, "unknown placeholder {%s}: it has no value unless another directive like map, or a module, defines it", unknown.Key)
	}
	if spaced := spacedPlaceholder.FindString(token.Text); spaced != "" {
		p.warn(token, "%s is text: a placeholder has no spaces, {%s}", spaced, strings.Trim(spaced, "{} \t\n"))
	}
	if strings.Contains(token.Text, "${") {
		p.warn(token, "%s has a dollar sign in its text: a placeholder is written {event.args.0}", token.Text)
	}
	if p.claims == nil && strings.Contains(token.Text, "{"+placeholder.Claims+".") {
		p.claims = &token
	}
}

// warnOfClaims warns of placeholders of a token's claims in a namespace whose rules verify
// no token.
func (p *parser) warnOfClaims(ns *Namespace) {
	claims := p.claims
	p.claims = nil
	if claims == nil {
		return
	}
	for _, rule := range ns.On {
		for _, handler := range rule.HandleRaw {
			if strings.Contains(string(handler), `"handler":"`+placeholder.Claims+`"`) {
				return
			}
		}
	}
	p.warn(*claims, "%s: {jwt.…} has no value in namespace %s: no rule has the handler jwt", claims.Text, ns.Name)
}

// checkMembers returns an error for a handler members in a namespace without presence: there
// is no list.
func (p *parser) checkMembers(ns *Namespace) error {
	members := p.members
	p.members = nil
	if members == nil || len(ns.Presence) > 0 {
		return nil
	}
	return directive.ErrorAt(*members, "members: namespace %s has no list of members: add \"presence ROOM…\" to it, beside its rules", ns.Name)
}

// checkNamespacePattern returns an error for a regular expression in place of a name, and
// warns of a name that clients hardly connect to.
func (p *parser) checkNamespacePattern(name string) error {
	if strings.HasPrefix(name, "/^") || len(name) > 1 && strings.HasSuffix(name, "$/") {
		return p.Errf("namespace %s: expected a name or a glob, not a regular expression: a star matches any text without a slash, as in /org-*", name)
	}
	if len(name) > 1 && strings.HasSuffix(name, "/") {
		p.warn(p.Token(), "namespace %s: clients connect to it with the slash at its end only: did you mean %s?", name, strings.TrimRight(name, "/"))
	}
	return nil
}

// bareWords returns the first tokens up to one in quotes, with a placeholder or JSON.
func bareWords(tokens []caddyfile.Token) []caddyfile.Token {
	i := slices.IndexFunc(tokens, func(token caddyfile.Token) bool { return token.Quoted() || strings.ContainsAny(token.Text, "{[") })
	if i < 0 {
		return tokens
	}
	return tokens[:i]
}

// isClientEvent reports whether clients may emit an event of that name.
func isClientEvent(event string) bool {
	return !slices.Contains(lifeEvents, event) && !isRoomEvent(event)
}

// isEndEvent reports whether an event is one of a socket's end.
func isEndEvent(event string) bool { return event == "disconnecting" || event == "disconnect" }

// warnOfEventParts warns of placeholders for a part of an event that no event of the rule
// has.
func (p *parser) warnOfEventParts(line []caddyfile.Token) {
	events := strings.Join(p.rule.Events, " ")
	for _, token := range line {
		switch {
		case strings.Contains(token.Text, "{event.args") && !slices.ContainsFunc(p.rule.Events, isClientEvent):
			p.warn(token, "{event.args…} has no value in on %s: only events that clients emit have arguments; auth of the client is {socket.auth.KEY}", events)
		case strings.Contains(token.Text, "{event.reason}") && !slices.ContainsFunc(p.rule.Events, isEndEvent):
			p.warn(token, "{event.reason} has no value in on %s: only disconnecting and disconnect have a reason", events)
		case strings.Contains(token.Text, "{socket.rooms}") && events == "disconnect":
			p.warn(token, "{socket.rooms} is empty in on disconnect: the socket has left its rooms; use on disconnecting")
		}
	}
}

// warnOfSocket warns of a handler that acts on the event's socket in a rule for its end.
func (p *parser) warnOfSocket(tokens caddyfile.Segment, hasTarget bool) {
	if hasTarget || slices.ContainsFunc(p.rule.Events, func(event string) bool { return !isEndEvent(event) }) {
		return
	}
	events := strings.Join(p.rule.Events, " ")
	switch tokens[0].Text {
	case "emit":
		if !hasOption(tokens, "to", "except", "broadcast") {
			p.warn(tokens[0], "emit without a target reaches no client in on %s: the socket is gone; expected a target, as in \"broadcast emit left\"", events)
		}
	case "join":
		p.warn(tokens[0], "join has no effect in on %s: the socket is gone", events)
	}
}

// hasOption reports whether a block has one of the options.
func hasOption(tokens []caddyfile.Token, names ...string) bool {
	for i, token := range tokens[1:] {
		if token.Line > tokens[i].Line && slices.Contains(names, token.Text) {
			return true
		}
	}
	return false
}
