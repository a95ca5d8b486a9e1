package socketio

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// parseNamespace reads a namespace block.
func (p *parser) parseNamespace() error {
	name, err := p.parseSingle("a name like /chat or /org-*")
	if err != nil {
		return err
	}
	if err := checkNamespace(name); err != nil {
		return p.WrapErr(err)
	}
	if slices.ContainsFunc(p.handler.Namespaces, func(other *Namespace) bool { return other.Name == name }) {
		return p.Errf("namespace %s is given twice", name)
	}
	ns := &Namespace{Name: name}
	line := tokenPlace(p.Dispenser)
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		switch p.Val() {
		case "on":
			rule, err := p.parseRule()
			if err != nil {
				return err
			}
			ns.addRule(rule)
		case "join":
			handler, err := p.parseHandler()
			if err != nil {
				return err
			}
			ns.addConnectHandler(handler)
		case "max_sockets":
			if ns.MaxSockets > 0 {
				return p.Errf("namespace %s: max_sockets is given twice", name)
			}
			if err := p.parseNumber(&ns.MaxSockets); err != nil {
				return err
			}
		default:
			if isHandler(p.Val()) {
				return p.Errf("namespace %s: %s belongs inside on EVENT { … }", name, p.Val())
			}
			return p.Errf("namespace %s: unknown option %q: expected on, join or max_sockets", name, p.Val())
		}
	}
	p.handler.Namespaces = append(p.handler.Namespaces, ns)
	p.declaredAt = append(p.declaredAt, line)
	return nil
}

// checkDeclaration returns an error if another directive declares the namespace with
// different rules.
func (p *parser) checkDeclaration(ns *Namespace, line string) error {
	type declaration struct{ line, rules string }
	name := p.handler.Hub
	if name == "" {
		name = DefaultHub
	}
	rules := string(caddyconfig.JSON(ns, nil))
	key := "socketio namespace " + name + " " + ns.Name
	if other, ok := p.State[key].(declaration); ok && other.rules != rules {
		return fmt.Errorf("namespace %s of hub %s is declared with different rules at %s and at %s; "+
			"declare the same rules, by import for example, or give one of the sites a hub of its own", ns.Name, name, other.line, line)
	}
	p.State[key] = declaration{line, rules}
	return nil
}

// addRule adds a rule. The first rule for connect extends the rule that preceding join
// lines have made: their handlers belong to the same event, and a separate rule would
// never run.
func (ns *Namespace) addRule(rule *Rule) {
	if ns.connectRule != nil && slices.Contains(rule.Events, "connect") {
		ns.connectRule.HandleRaw = append(ns.connectRule.HandleRaw, rule.HandleRaw...)
		ns.connectRule = nil
		if len(rule.Events) == 1 {
			return
		}
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
		rule := &Rule{Events: []string{"connect"}, HandleRaw: append(slices.Clone(ns.On[i].HandleRaw), handler)}
		ns.On = slices.Insert(ns.On, i, rule)
	}
}

// parseRule reads an on block: its events and its handlers.
func (p *parser) parseRule() (*Rule, error) {
	rule := &Rule{Events: p.RemainingArgs()}
	if err := rule.checkEvents(); err != nil {
		return nil, p.WrapErr(err)
	}
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		handler, err := p.parseHandler()
		if err != nil {
			return nil, err
		}
		rule.HandleRaw = append(rule.HandleRaw, handler)
	}
	return rule, nil
}

// handlersNamespace is the beginning of the module ids of handlers.
const handlersNamespace = "socketio.handlers."

// isHandler reports whether there is a handler module of that name.
func isHandler(name string) bool {
	_, err := caddy.GetModule(handlersNamespace + name)
	return err == nil
}

// parseHandler reads one handler of a rule. Its first token names the module.
func (p *parser) parseHandler() (json.RawMessage, error) {
	name := p.Val()
	id := handlersNamespace + name
	info, err := caddy.GetModule(id)
	if err != nil {
		return nil, p.Errf("unknown handler %q: expected one of %s, or a module %s", name, strings.Join(handlerNames(), ", "), id)
	}
	module := info.New()
	segment := p.NewFromNextSegment()
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
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(module, "handler", name, &warnings)
	if len(warnings) > 0 { // a number that is too large, for instance
		return nil, p.Errf("%s: %s", name, warnings[0].Message)
	}
	return raw, nil
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
