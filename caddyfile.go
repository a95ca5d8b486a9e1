package socketio

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("socketio", parseHandler)
	// Every directive that can restrict access to reverse_proxy also restricts this one:
	// abort, error and respond, too. See docs/decisions/0008-own-paths.md.
	httpcaddyfile.RegisterDirectiveOrder("socketio", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterGlobalOption("socketio", parseApp)
}

// parseApp reads the global option:
//
//	socketio {
//		cluster    <adapter> ...
//		max_memory <size>
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	d.Next() // socketio
	if existing != nil {
		return nil, d.Err("socketio: the global option is given twice")
	}
	if d.NextArg() {
		return nil, d.Errf("socketio: unexpected %q: settings go into a block, { cluster redis … }", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := app.parseGlobalOption(d); err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "socketio", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseGlobalOption reads one option of the global block.
func (a *App) parseGlobalOption(d *caddyfile.Dispenser) (err error) {
	switch option := d.Val(); option {
	case "cluster":
		if a.ClusterRaw != nil {
			return d.Err("socketio: cluster is given twice")
		}
		a.ClusterRaw, err = parseModule(d, "socketio.adapters.", "adapter")
		return err
	case "max_memory":
		if a.MaxMemory != 0 {
			return d.Err("socketio: max_memory is given twice")
		}
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.Err("max_memory: expected a size like 2GiB")
		}
		n, err := humanize.ParseBytes(args[0])
		if err != nil || n < minMaxMemory || n > math.MaxInt64 {
			return d.Errf("max_memory: unexpected %q: expected a size from 32MiB, like 2GiB", args[0])
		}
		a.MaxMemory = int64(n)
		return nil
	default:
		site := &parser{handler: new(Handler)}
		if findOption(site.directiveOptions(), option) != nil {
			return d.Errf("socketio: %s belongs inside the directive socketio { … } of a site, not into the global options", option)
		}
		return d.Errf("socketio: unknown option %q: expected cluster or max_memory", option)
	}
}

// parseModule reads the module that the next argument names.
func parseModule(d *caddyfile.Dispenser, namespace, key string) (json.RawMessage, error) {
	option := d.Val()
	if !d.NextArg() {
		return nil, d.Errf("%s: expected the name of a module in %s*", option, namespace)
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, key, name, nil), nil
}

// parseHandler reads the directive socketio, see [parser.parse].
func parseHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	p := &parser{Helper: h, handler: new(Handler)}
	if err := p.parseDirective(); err != nil {
		return nil, err
	}
	return p.handler, nil
}

// tokenPlace returns the place of the current token: file, line and imports.
func tokenPlace(d *caddyfile.Dispenser) string { return strings.TrimPrefix(d.Err("").Error(), ", at ") }

// parser reads one directive socketio.
type parser struct {
	httpcaddyfile.Helper
	handler    *Handler
	declaredAt []string // the places of the namespaces
	// Of the namespace that is being read:
	rule *Rule // the rule that is being read, or nil
	// The block that is being read, like "every 1m", if its events have no socket.
	socketFree string
	claims     *caddyfile.Token // the first text with a placeholder of a token's claims
	members    *caddyfile.Token // the name of the first handler members
}

// parseDirective reads:
//
//	socketio [<matcher>] {
//		path            <path>
//		hub             <name>
//		transports      polling|websocket...
//		protocols       3|4...
//		ping_interval   <duration>
//		ping_timeout    <duration>
//		connect_timeout <duration>
//		upgrade_timeout <duration>
//		max_payload     <size>
//		max_queue       <size>
//		max_connections <number>
//		max_memory_per_connection <size>
//		rate_limit      [<packets a second> [<burst>]] {
//			bytes <size a second> [<burst>]
//		}
//		per_address {
//			<limit> <value>
//		}
//		origins         <origin...>
//		compression     on|off
//		recovery        <duration>
//		cookie          <name>
//		serve_client    4|3|2|off
//		admin_ui {
//			username <name>
//			password <bcrypt hash>
//			readonly
//			mode     development|production
//		}
//		namespace <name> {
//			max_sockets <number>
//			join <room...>
//			on <event...> {
//				<handler> ...
//			}
//		}
//	}
func (p *parser) parseDirective() error {
	p.Next() // socketio
	p.handler.Source = tokenPlace(p.Dispenser)
	if p.NextArg() {
		return p.Errf("socketio: unexpected %q: settings go into a block", p.Val())
	}
	seen := make(map[string]bool)
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		option := p.Val()
		if option != "namespace" && option != "origins" && seen[option] {
			return p.Errf("socketio: %s is given twice", option)
		}
		seen[option] = true
		known := findOption(p.directiveOptions(), option)
		if known == nil {
			return p.unknownName("option of socketio", optionNames(p.directiveOptions()))
		}
		if err := known.parse(); err != nil {
			return err
		}
		if err := p.handler.checkOptions(); err != nil {
			return p.WrapErr(err) // the error names this line
		}
	}
	for i, ns := range p.handler.Namespaces {
		if err := p.checkDeclaration(ns, p.declaredAt[i]); err != nil {
			return err
		}
	}
	return nil
}

// parseSingle returns the only argument of an option.
func (p *parser) parseSingle(expected string) (string, error) {
	option := p.Val()
	args := p.RemainingArgs()
	switch {
	case len(args) == 2 && args[0] == "=":
		return "", p.Errf("%s: unexpected =: expected %s behind a space", option, expected)
	case len(args) > 1:
		return "", p.Errf("%s: unexpected %q: expected only %s", option, args[1], expected)
	case len(args) == 0:
		return "", p.Errf("%s: expected %s", option, expected)
	}
	return args[0], nil
}

func (p *parser) parseText(to *string) (err error) {
	option := p.Val()
	if *to, err = p.parseSingle("one value"); err == nil && *to == "" {
		return p.Errf("%s: expected a value that is not empty", option)
	}
	return err
}

func (p *parser) parseList(to *[]string) error {
	option := p.Val()
	args := p.RemainingArgs()
	if len(args) == 0 {
		return p.Errf("%s: expected one or more values", option)
	}
	*to = append(*to, args...)
	return nil
}

func (p *parser) parseProtocols() error {
	for _, arg := range p.RemainingArgs() {
		n, err := strconv.Atoi(arg)
		if err != nil || n != 3 && n != 4 {
			return p.Errf("protocols: unexpected %q: expected 3, 4 or both", arg)
		}
		p.handler.Protocols = append(p.handler.Protocols, n)
	}
	if len(p.handler.Protocols) == 0 {
		return p.Err("protocols: expected 3, 4 or both")
	}
	return nil
}

func (p *parser) parseDuration(to *caddy.Duration) error {
	option := p.Val()
	arg, err := p.parseSingle("a duration like 25s")
	if err != nil {
		return err
	}
	if _, err := strconv.ParseUint(arg, 10, 32); err == nil && arg != "0" {
		return p.Errf("%s: unexpected %q: expected a duration with a unit, %ss, or %sms as Node.js counts", option, arg, arg, arg)
	}
	d, err := caddy.ParseDuration(arg)
	if err != nil || d <= 0 {
		return p.Errf("%s: unexpected %q: expected a duration like 25s", option, arg)
	}
	*to = caddy.Duration(d)
	return nil
}

// minSize is the smallest size without a unit that is probably meant in bytes.
const minSize = 1000

func (p *parser) parseSize(to *int64) error {
	option := p.Val()
	arg, err := p.parseSingle("a size like 1MB")
	if err != nil {
		return err
	}
	n, err := humanize.ParseBytes(arg)
	if err != nil || n == 0 || n > 1<<31 {
		return p.Errf("%s: unexpected %q: expected a size from 1B to 2GiB, like 1MB", option, arg)
	}
	if _, err := strconv.Atoi(arg); err == nil && n < minSize {
		p.warn(p.Token(), "%s %s is in bytes: did you mean %sMB? With a unit, %sB, it is meant", option, arg, arg, arg)
	}
	*to = int64(n)
	return nil
}

func (p *parser) parseIntSize(to *int) error {
	var size int64
	err := p.parseSize(&size)
	*to = int(size)
	return err
}

func (p *parser) parseNumber(to *int) error {
	option := p.Val()
	arg, err := p.parseSingle("a number")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return p.Errf("%s: unexpected %q: expected a number above 0", option, arg)
	}
	*to = n
	return nil
}

// parseRate reads how many things of a kind are allowed in a second, and optionally at once.
func (p *parser) parseRate(kind string) (rate float64, burst int, err error) {
	option, args := p.Val(), p.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return 0, 0, p.Errf("%s: expected %s a second, and optionally a burst", option, kind)
	}
	rate, err = strconv.ParseFloat(args[0], 64)
	if err != nil || !(rate > 0 && rate <= maxRate) {
		return 0, 0, p.Errf("%s: unexpected %q: expected %s a second, above 0, up to 1e9", option, args[0], kind)
	}
	if len(args) == 1 {
		return rate, burstOf(rate), nil
	}
	if burst, err = strconv.Atoi(args[1]); err != nil || burst < 1 {
		return 0, 0, p.Errf("%s: unexpected %q: expected a burst above 0", option, args[1])
	}
	return rate, burst, nil
}

// burstOf returns the burst of a rate without one: the rate of a second.
func burstOf(rate float64) int { return int(math.Ceil(rate)) }

func (p *parser) parseSwitch(to *bool) error {
	option := p.Val()
	arg, err := p.parseSingle("on or off")
	if err != nil {
		return err
	}
	if arg != "on" && arg != "off" {
		return p.Errf("%s: unexpected %q: expected on or off", option, arg)
	}
	*to = arg == "on"
	return nil
}
