package socketio

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
)

// defaultParallel is the number of events at a time of the option parallel without one.
const defaultParallel = 16

// parseUse reads a use block. Several are one.
func (p *parser) parseUse(ns *Namespace) error {
	name := p.Token()
	if p.NextArg() {
		return p.Errf("use: unexpected %q: expected a block with handlers", p.Val())
	}
	handlers, err := p.parseHandlers(nil)
	ns.UseRaw = append(ns.UseRaw, handlers...)
	if err == nil && len(ns.UseRaw) == 0 {
		return directive.ErrorAt(name, "use: expected a block with one or more handlers")
	}
	return err
}

// parseEvery reads an every block.
func (p *parser) parseEvery(ns *Namespace) error {
	name := p.Token()
	arg, err := p.parseSingle("an interval like 30s, and a block with handlers")
	if err != nil {
		return err
	}
	if _, err := strconv.Atoi(arg); err == nil {
		return p.Errf("every: unexpected %q: expected an interval with a unit, %ss, or %sms as Node.js counts", arg, arg, arg)
	}
	d, err := caddy.ParseDuration(arg)
	if err != nil {
		return p.Errf("every: unexpected %q: expected an interval like 30s", arg)
	}
	e := &Every{Interval: caddy.Duration(d)}
	if err := e.checkInterval(); err != nil {
		return p.WrapErr(err)
	}
	p.socketFree = "every " + arg
	defer func() { p.socketFree = "" }()
	if e.HandleRaw, err = p.parseHandlers(nil); err != nil {
		return err
	}
	if len(e.HandleRaw) == 0 {
		return directive.ErrorAt(name, "every %s: expected a block with one or more handlers", time.Duration(e.Interval))
	}
	ns.Every = append(ns.Every, e)
	return nil
}

// parseParallel reads the option parallel of a rule.
func (p *parser) parseParallel(rule *Rule) error {
	if rule.Parallel > 0 {
		return p.Err("parallel is given twice")
	}
	rule.Parallel = defaultParallel
	if args := p.RemainingArgs(); len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || len(args) > 1 || checkParallelNumber(n) != nil {
			return p.Errf("parallel: unexpected %q: expected a number from 1 to %d, or none for %d", strings.Join(args, " "), maxParallel, defaultParallel)
		}
		rule.Parallel = n
	}
	if err := rule.checkParallel(); err != nil {
		return p.WrapErr(err)
	}
	return nil
}

// parseAllowIDs reads the option allow_ids of a rule.
func (p *parser) parseAllowIDs(rule *Rule) error {
	if p.NextArg() {
		return p.Errf("allow_ids takes no argument, got %q", p.Val())
	}
	rule.AllowIDs = true
	return nil
}
