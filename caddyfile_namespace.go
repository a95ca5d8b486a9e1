package socketio

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
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
	if err := p.checkNamespacePattern(name); err != nil {
		return err
	}
	if slices.ContainsFunc(p.handler.Namespaces, func(other *Namespace) bool { return other.Name == name }) {
		return p.Errf("namespace %s is given twice", name)
	}
	ns := &Namespace{Name: name}
	line := tokenPlace(p.Dispenser)
	if err := p.parseOptions("option of a namespace", p.namespaceOptions(ns)); err != nil {
		return err
	}
	if err := p.checkMembers(ns); err != nil {
		return err
	}
	p.warnOfClaims(ns)
	p.handler.Namespaces = append(p.handler.Namespaces, ns)
	p.declaredAt = append(p.declaredAt, line)
	return nil
}

// parseMaxSockets reads the option max_sockets of a namespace.
func (p *parser) parseMaxSockets(ns *Namespace) error {
	if ns.MaxSockets > 0 {
		return p.Errf("namespace %s: max_sockets is given twice", ns.Name)
	}
	return p.parseNumber(&ns.MaxSockets)
}

// parseConnectHandler reads a handler of the connect event that stands outside of a rule.
func (p *parser) parseConnectHandler(ns *Namespace) error {
	handler, err := p.parseHandler()
	if err == nil {
		ns.addConnectHandler(handler)
	}
	return err
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
