package socketio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/internal/nearest"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// lifeEvents are the events of a socket's life.
var lifeEvents = []string{"connect", "disconnecting", "disconnect"}

// nodeEvents are words for events of a socket's life that do not exist here.
var nodeEvents = map[string]string{
	"connection": "connect", "connected": "connect", "disconnected": "disconnect", "disconnection": "disconnect",
}

// checkEventNames returns an error for names of events, as written, that are mistakes. A
// name in quotes is meant.
func checkEventNames(names []caddyfile.Token) error {
	if _, text, ok := findSingleQuotes(names); ok {
		return fmt.Errorf("on %s: single quotes belong to the name: expected double quotes, on %s", text, quoteText(text))
	}
	for i, name := range names {
		if meant := nodeEvents[name.Text]; meant != "" && !name.Quoted() {
			return fmt.Errorf("on %s: did you mean on %s? An event of clients with this name stands in quotes", name.Text, meant)
		}
		if plain := strings.TrimRight(name.Text, ",;"); plain != name.Text && !name.Quoted() {
			return fmt.Errorf("on %s: spaces separate the names of events: %s", name.Text, plain)
		}
		if slices.ContainsFunc(names[:i], func(other caddyfile.Token) bool { return other.Text == name.Text }) {
			return fmt.Errorf("on: %s is given twice", name.Text)
		}
	}
	return nil
}

// warnOfEventNames warns of names of events, as written, that are probably mistakes.
func (p *parser) warnOfEventNames(names []caddyfile.Token) {
	for _, name := range names {
		if name.Quoted() || slices.Contains(lifeEvents, name.Text) {
			continue
		}
		near := nearest.Find(strings.ToLower(name.Text), lifeEvents)
		if near != "" {
			p.warn(name, "on %s handles an event that clients emit with this name: did you mean %s? In quotes the name is meant", name.Text, near)
		}
	}
	if isPhrase(names) {
		words := joinTokens(names)
		p.warn(names[0], "on %s handles %d events: a name with spaces stands in quotes, on %q; separate names in quotes are meant", words, len(names), words)
	}
}

// phraseVerbs begin the names of many events with spaces.
var phraseVerbs = []string{
	"add", "chat", "create", "delete", "edit", "get", "join", "leave", "new", "private", "remove", "send", "start", "stop", "update", "user",
}

// isPhrase reports whether words without quotes are probably one name with spaces: a verb
// and its object, or three words and more.
func isPhrase(words []caddyfile.Token) bool {
	if len(words) < 2 {
		return false
	}
	for _, word := range words {
		if word.Quoted() || strings.Trim(word.Text, "abcdefghijklmnopqrstuvwxyz") != "" || slices.Contains(lifeEvents, word.Text) ||
			isRoomEvent(word.Text) {
			return false
		}
	}
	first, second := words[0].Text, words[1].Text
	return slices.Contains(phraseVerbs, first) && !slices.Contains(phraseVerbs, second)
}

// joinTokens returns tokens with spaces between them.
func joinTokens(tokens []caddyfile.Token) string {
	words := make([]string, len(tokens))
	for i, token := range tokens {
		words[i] = token.Text
	}
	return strings.Join(words, " ")
}

// checkReached returns an error if an earlier rule of the namespace handles an event of
// the rule: the rule would never run for it. Rules for rooms may differ by their rooms.
func (ns *Namespace) checkReached(rule *Rule) error {
	for _, name := range rule.Events {
		if isRoomEvent(name) {
			continue
		}
		for _, earlier := range ns.On {
			if earlier == ns.connectRule { // made by join lines: the rule extends it
				continue
			}
			pattern := earlier.findPattern(name)
			place := ""
			if earlier.place != "" {
				place = " at " + earlier.place
			}
			switch {
			case pattern == name:
				return fmt.Errorf("on %s: another rule%s handles this event first: put the handlers into one rule", name, place)
			case pattern != "":
				return fmt.Errorf("on %s: the rule on %s%s handles this event first: put it behind this rule", name, pattern, place)
			}
		}
	}
	return nil
}

// findPattern returns the name or glob of the rule that matches each event of a name or
// glob, or "".
func (r *Rule) findPattern(name string) string {
	if slices.Contains(r.Events, name) {
		return name
	}
	if slices.Contains(lifeEvents, name) {
		return ""
	}
	for _, pattern := range r.Events {
		if glob.New(pattern).Match(name) { // a star of the name is matched by a star only
			return pattern
		}
	}
	return ""
}
