package socketio

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// addRule adds a rule. The first rule for connect extends the rule that preceding join
// lines have made: their handlers belong to the same event, and a separate rule would
// never run.
func (ns *Namespace) addRule(rule *Rule) {
	if ns.connectRule != nil && slices.Contains(rule.Events, "connect") {
		merged := *rule
		merged.Events = []string{"connect"}
		merged.HandleRaw = slices.Concat(ns.connectRule.HandleRaw, rule.HandleRaw)
		*ns.connectRule = merged
		ns.connectRule = nil
		if len(rule.Events) == 1 {
			return
		}
		rule.removeConnect()
	}
	ns.On = append(ns.On, rule)
}

// addConnectHandler adds a handler to the rule for connect.
func (ns *Namespace) addConnectHandler(handler json.RawMessage) {
	i := slices.IndexFunc(ns.On, func(r *Rule) bool { return slices.Contains(r.Events, "connect") })
	switch {
	case i < 0:
		ns.connectRule = &Rule{Events: []string{"connect"}, HandleRaw: []json.RawMessage{handler}}
		ns.On = append(ns.On, ns.connectRule)
	case len(ns.On[i].Events) == 1:
		ns.On[i].HandleRaw = append(ns.On[i].HandleRaw, handler)
	default: // the rule has other events, which do not get the handler
		rule := *ns.On[i]
		rule.Events = []string{"connect"}
		rule.HandleRaw = append(slices.Clone(rule.HandleRaw), handler)
		ns.On[i].removeConnect()
		ns.On = slices.Insert(ns.On, i, &rule)
	}
}

// removeConnect removes connect from the events of a rule: another rule handles it.
func (r *Rule) removeConnect() {
	r.Events = slices.DeleteFunc(r.Events, func(event string) bool { return event == "connect" })
}

// parseRule reads an on block: its events, its options and its handlers.
func (p *parser) parseRule(ns *Namespace) error {
	names, rooms := splitRoomEvents(p.RemainingArgsAsTokens())
	rule := &Rule{Rooms: rooms, place: tokenPlace(p.Dispenser)}
	for _, name := range names {
		rule.Events = append(rule.Events, name.Text)
	}
	err := cmp.Or(rule.checkEvents(), rule.checkRooms())
	if err == nil {
		err = checkEventNames(names)
	}
	if err == nil {
		err = ns.checkReached(rule)
	}
	if err == nil && !p.beginsBlock() {
		err = fmt.Errorf("on %s: expected a block of handlers, { … }; an empty block ignores the event", strings.Join(rule.Events, " "))
	}
	if err != nil {
		return p.WrapErr(err)
	}
	p.warnOfEventNames(names)
	p.rule = rule
	if rule.isForRooms() {
		p.socketFree = "on " + strings.Join(rule.Events, " ")
	}
	defer func() { p.rule, p.socketFree = nil, "" }()
	if rule.HandleRaw, err = p.parseHandlers(p.ruleOptions(rule)); err != nil {
		return err
	}
	ns.addRule(rule)
	return nil
}

// parseHandlers reads a block of handlers, which it returns in order. Options may stand
// before and among them.
func (p *parser) parseHandlers(options []option) (handlers []json.RawMessage, err error) {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		if known := findOption(options, p.Val()); known != nil {
			if err := known.parse(); err != nil {
				return nil, err
			}
			continue
		}
		handler, err := p.parseHandler()
		if err != nil {
			return nil, err
		}
		handlers = append(handlers, handler)
	}
	return handlers, nil
}

// handlersNamespace is the beginning of the module ids of handlers.
const handlersNamespace = "socketio.handlers."

// isHandler reports whether there is a handler module of that name.
func isHandler(name string) bool {
	_, err := caddy.GetModule(handlersNamespace + name)
	return err == nil
}

// parseHandler reads one handler of a rule. Its first token names the module, or begins a
// target that stands before the name.
func (p *parser) parseHandler() (json.RawMessage, error) {
	line := p.NextSegment()
	target, tokens, err := splitTarget(line)
	if err != nil {
		return nil, err
	}
	segment := caddyfile.NewDispenser(tokens)
	segment.Next()
	name := segment.Val()
	id := handlersNamespace + name
	info, err := caddy.GetModule(id)
	if err != nil {
		at := parser{Helper: p.WithDispenser(segment), handler: p.handler}
		return nil, at.unknownHandler()
	}
	if err := p.checkLine(tokens); err != nil {
		return nil, err
	}
	if name == "members" && p.members == nil {
		p.members = &tokens[0]
	}
	p.warnOfSingleQuotes(name, slices.Concat(target, lineArgs(tokens)))
	segment.Reset()
	module := info.New()
	if len(target) > 0 {
		if err := module.(targetUnmarshaler).UnmarshalTarget(caddyfile.NewDispenser(target)); err != nil {
			return nil, err
		}
	}
	switch m := module.(type) {
	case helperParser:
		err = m.ParseCaddyfile(p.WithDispenser(segment))
	case caddyfile.Unmarshaler:
		err = m.UnmarshalCaddyfile(segment)
	default:
		err = p.Errf("module %s can't be used in a Caddyfile", id)
	}
	if err != nil {
		return nil, err
	}
	if err := p.checkSocketFree(module, target, tokens); err != nil {
		return nil, err
	}
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(module, "handler", name, &warnings)
	if len(warnings) > 0 { // a number that is too large, for instance
		return nil, p.Errf("%s: %s", name, describeNumber(warnings[0].Message))
	}
	p.warnOfLine(target, tokens, line)
	return raw, nil
}

// describeNumber returns a message of encoding/json in words of the config, if it is about
// a number that is too large.
func describeNumber(message string) string {
	if rest, ok := strings.CutPrefix(message, "json: cannot unmarshal number "); ok {
		number, _, _ := strings.Cut(rest, " ")
		return "the number " + number + " is too large"
	}
	return message
}

// handlerNames returns the names of all registered handlers of events.
func handlerNames() []string {
	var names []string
	for _, m := range caddy.GetModules("socketio.handlers") {
		names = append(names, m.ID.Name())
	}
	slices.Sort(names)
	return names
}

// helperParser is a handler that parses HTTP directives, for which it needs the Helper.
type helperParser interface {
	ParseCaddyfile(h httpcaddyfile.Helper) error
}
