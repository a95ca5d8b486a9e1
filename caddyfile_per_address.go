package socketio

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
)

// parsePerAddress reads:
//
//	per_address {
//		max_connections <number>
//		handshake_rate  <handshakes a second> [<burst>]
//		max_unjoined    <number>|off
//		max_namespaces  <number>|off
//		max_failures    <number>|off [<window>]
//	}
func (p *parser) parsePerAddress() error {
	if p.NextArg() {
		return p.Errf("per_address: unexpected %q: settings go into a block", p.Val())
	}
	limits := new(PerAddress)
	p.handler.PerAddress = limits
	options := []option{
		{"max_connections", func() error { return p.parseNumber(&limits.MaxConnections) }},
		{"handshake_rate", func() (err error) {
			limits.HandshakeRate, limits.HandshakeBurst, err = p.parseRate("handshakes")
			return err
		}},
		{"max_unjoined", func() error { return p.parseLimit(&limits.MaxUnjoined) }},
		{"max_namespaces", func() error { return p.parseLimit(&limits.MaxNamespaces) }},
		{"max_failures", func() error { return p.parseMaxFailures(limits) }},
	}
	seen := make(map[string]bool)
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		name := p.Val()
		known := findOption(options, name)
		if known == nil {
			return p.unknownName("option of per_address", optionNames(options))
		}
		if seen[name] {
			return p.Errf("per_address: %s is given twice", name)
		}
		seen[name] = true
		if err := known.parse(); err != nil {
			return err
		}
	}
	if len(seen) == 0 {
		return p.Err("per_address: expected a block with one or more limits")
	}
	return nil
}

// parseLimit reads a number, or off.
func (p *parser) parseLimit(to *int) error {
	option := p.Val()
	arg, err := p.parseSingle("a number or off")
	if err != nil {
		return err
	}
	*to, err = p.limitOf(option, arg)
	return err
}

// limitOf returns the limit that an argument means.
func (p *parser) limitOf(option, arg string) (int, error) {
	if arg == "off" {
		return noLimit, nil
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return 0, p.Errf("%s: unexpected %q: expected a number above 0, or off", option, arg)
	}
	return n, nil
}

// parseMaxFailures reads a number or off, and optionally the time that it is of.
func (p *parser) parseMaxFailures(limits *PerAddress) (err error) {
	args := p.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return p.Err("max_failures: expected a number or off, and optionally a time like 1m")
	}
	if limits.MaxFailures, err = p.limitOf("max_failures", args[0]); err != nil || len(args) == 1 {
		return err
	}
	window, err := caddy.ParseDuration(args[1])
	if err != nil || window <= 0 {
		return p.Errf("max_failures: unexpected %q: expected a time like 1m", args[1])
	}
	limits.FailureWindow = caddy.Duration(window)
	return nil
}
