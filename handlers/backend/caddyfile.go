package backend

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

// ParseCaddyfile sets up the handler:
//
//	backend [<upstream...>] {
//		timeout      <duration>
//		max_response <size>
//		concurrency  <number>
//		queue        <number>
//		on_outage    retry|deny|allow
//		stream {
//			max_line <size>
//			max_size <size>
//			max_time <duration>
//			idle     <duration>
//			cancel   <event...>
//		}
//		sign         <secret...>
//		identity     <text...>
//		<http directive> ...
//	}
//
// All other lines are HTTP directives as in a handle block, in Caddy's order. Upstreams on
// the line are the arguments of one more directive, reverse_proxy.
func (b *Handler) ParseCaddyfile(h httpcaddyfile.Helper) error {
	h.Next() // the name
	name := h.Token()
	// The tokens have the hidden fields of name: its file, line and imports. The block
	// opens one line above, so that reverse_proxy stands on the line of its upstreams.
	opening := name
	opening.Text, opening.Line = "{", name.Line-1
	start := opening
	start.Text = name.Text
	block := []caddyfile.Token{start, opening}
	if h.NextArg() {
		proxy := name
		proxy.Text = "reverse_proxy"
		block = append(block, proxy)
		for more := true; more; more = h.NextArg() {
			if err := checkUpstream(h.Token()); err != nil {
				return err
			}
			block = append(block, h.Token())
		}
	}
	isEmpty := len(block) == 2
	seen := make(map[string]bool)
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		option := h.Val()
		isOption, err := b.parseOption(h.Dispenser)
		if err != nil {
			return err
		}
		if isOption && seen[option] {
			return h.Errf("backend: %s is given twice", option)
		}
		seen[option] = true
		if !isOption {
			block = append(block, h.NextSegment()...)
			isEmpty = false
		}
	}
	if isEmpty {
		return directive.ErrorAt(name, "backend: expected the address of an application, like 127.0.0.1:9000, or HTTP directives")
	}
	last, closing := block[len(block)-1], name
	closing.Text, closing.File, closing.Line = "}", last.File, last.Line+last.NumLineBreaks()+1
	block = append(block, closing)
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(h.WithDispenser(caddyfile.NewDispenser(block)))
	if err != nil {
		return locateUnknown(err, block)
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok {
		return h.Errf("backend: unexpected handler %T", handler)
	}
	b.Routes, err = renumberGroups(subroute.Routes)
	return err
}

var groupName = regexp.MustCompile(`"group":"group\d+"`)

// renumberGroups numbers the groups of routes from 0. Caddy numbers them through the
// whole Caddyfile; the same lines would then not give the same config twice.
func renumberGroups(routes caddyhttp.RouteList) (caddyhttp.RouteList, error) {
	raw, err := json.Marshal(routes)
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]int)
	raw = groupName.ReplaceAllFunc(raw, func(name []byte) []byte {
		n, ok := numbers[string(name)]
		if !ok {
			n = len(numbers)
			numbers[string(name)] = n
		}
		return fmt.Appendf(nil, `"group":"group%d"`, n)
	})
	var plain caddyhttp.RouteList
	err = json.Unmarshal(raw, &plain)
	return plain, err
}

// parseOption parses the current line if it is an option. It returns false for an HTTP
// directive.
func (b *Handler) parseOption(d *caddyfile.Dispenser) (bool, error) {
	option := d.Val()
	switch option {
	case "sign":
		args := d.RemainingArgs()
		if b.Sign = append(b.Sign, args...); len(args) == 0 {
			return true, d.Err("backend: sign: expected one or more secrets")
		}
		return true, nil
	case "identity":
		if b.Identity = d.RemainingArgs(); len(b.Identity) == 0 {
			return true, d.Err("backend: identity: expected what a user is known by, like {http.request.cookie.session}")
		}
		if err := b.compileIdentity(); err != nil {
			return true, d.Errf("backend: %v", err)
		}
		return true, nil
	case "stream":
		b.Stream = new(Stream)
		return true, b.Stream.parseBlock(d)
	case "timeout", "max_response", "concurrency", "queue", "on_outage":
	default:
		return false, nil
	}
	var arg string
	if !d.AllArgs(&arg) {
		return true, d.Errf("backend: %s: expected one value", option)
	}
	var err error
	switch option {
	case "timeout":
		b.Timeout, err = parseDuration(arg)
	case "max_response":
		b.MaxResponse, err = parseSize(arg)
	case "concurrency":
		b.Concurrency, err = parsePositive(arg)
	case "queue":
		b.Queue, err = parsePositive(arg)
	case "on_outage":
		b.OnOutage = arg
		err = b.checkOnOutage()
	}
	if err != nil {
		return true, d.Errf("backend: %s: %v", option, err)
	}
	return true, nil
}

// parseDuration parses a duration above 0.
func parseDuration(arg string) (caddy.Duration, error) {
	if n, err := strconv.Atoi(arg); err == nil && n > 0 {
		return 0, fmt.Errorf("unexpected %q: expected a duration with a unit, %ss, or %sms as Node.js counts", arg, arg, arg)
	}
	t, err := caddy.ParseDuration(arg)
	if err != nil || t <= 0 {
		return 0, fmt.Errorf("unexpected %q: expected a duration above 0, like 10s", arg)
	}
	return caddy.Duration(t), nil
}

// parseSize parses a size, in bytes.
func parseSize(arg string) (int64, error) {
	n, err := humanize.ParseBytes(arg)
	if err != nil {
		return 0, fmt.Errorf("unexpected %q: expected a size, like 1MB", arg)
	}
	return int64(min(n, 1<<31)), nil
}

// parsePositive parses a number above 0.
func parsePositive(arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("unexpected %q: expected a number above 0", arg)
	}
	return n, nil
}
