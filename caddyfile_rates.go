package socketio

import (
	"strings"

	"github.com/dustin/go-humanize"
)

// parseRateLimit reads the option rate_limit of the directive:
//
//	rate_limit [<packets a second> [<burst>]] {
//		bytes <size a second> [<burst>]
//	}
func (p *parser) parseRateLimit() (err error) {
	l := new(RateLimit)
	if p.CountRemainingArgs() > 0 {
		if l.Events, l.Burst, err = p.parseRate("packets"); err != nil {
			return err
		}
	}
	err = p.parseOptions("option of rate_limit", []option{{"bytes", func() error { return p.parseBytes(l) }}})
	if err == nil && l.Events == 0 && l.Bytes == 0 {
		err = p.Err("rate_limit: expected packets a second, and optionally a burst, or a block with bytes")
	}
	p.handler.RateLimit = l
	return err
}

// parseRuleRate reads the option rate_limit of a rule.
func (p *parser) parseRuleRate(rule *Rule) (err error) {
	if rule.RateLimit != nil {
		return p.Err("rate_limit is given twice")
	}
	l := new(RateLimit)
	if l.Events, l.Burst, err = p.parseRate("events"); err != nil {
		return err
	}
	if nesting := p.Nesting(); p.NextBlock(nesting) {
		return p.Err("rate_limit: unexpected block: a rule has events a second, and optionally a burst")
	}
	rule.RateLimit = l
	if err := rule.checkRate(); err != nil {
		return p.WrapErr(err)
	}
	return nil
}

// parseRoomRate reads an option rate_limit of a namespace:
//
//	rate_limit <room...> {
//		events <emits a second> [<burst>]
//		bytes  <size a second> [<burst>]
//	}
func (p *parser) parseRoomRate(ns *Namespace) error {
	l := &RoomRateLimit{Rooms: p.RemainingArgs()}
	if len(l.Rooms) == 0 {
		return p.Err("rate_limit: expected names or globs of rooms, like room:*")
	}
	for _, room := range l.Rooms {
		if strings.Contains(room, "{") {
			return p.Errf("rate_limit: unexpected placeholder in %q: expected names or globs of rooms, like room:*", room)
		}
	}
	options := []option{
		{"events", func() (err error) {
			l.Events, l.Burst, err = p.parseRate("emits")
			return err
		}},
		{"bytes", func() error { return p.parseBytes(&l.RateLimit) }},
	}
	if err := p.parseOptions("option of rate_limit", options); err != nil {
		return err
	}
	if l.Events == 0 && l.Bytes == 0 {
		return p.Errf("rate_limit %s: expected a block with events, bytes or both; "+
			"the limit of connections belongs inside socketio { … }, the limit of an event inside on EVENT { … }", strings.Join(l.Rooms, " "))
	}
	if err := l.checkRooms(); err != nil {
		return p.WrapErr(err)
	}
	ns.RateLimits = append(ns.RateLimits, l)
	return nil
}

// parseBytes reads a size a second, and optionally a burst.
func (p *parser) parseBytes(l *RateLimit) error {
	args := p.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return p.Err("bytes: expected a size a second like 100KB, and optionally a burst")
	}
	for i, to := range []*int64{&l.Bytes, &l.BytesBurst}[:len(args)] {
		n, err := humanize.ParseBytes(args[i])
		if err != nil || n == 0 || n > maxBytes {
			return p.Errf("bytes: unexpected %q: expected a size from 1B to 2GiB, like 100KB", args[i])
		}
		*to = int64(n)
	}
	return nil
}
