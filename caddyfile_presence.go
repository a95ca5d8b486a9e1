package socketio

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// presenceOptions returns the options of a presence block.
func (p *parser) presenceOptions(one *Presence) []option {
	return []option{
		{"key", func() error { return p.parseText(&one.Key) }},
		{"data", func() error { return p.parseList(&one.Data) }},
		{"join", func() error { return p.parseText(&one.Join) }},
		{"leave", func() error { return p.parseText(&one.Leave) }},
		{"grace", func() error { return p.parseGrace(one) }},
	}
}

// parsePresence reads a presence block of a namespace.
func (p *parser) parsePresence(ns *Namespace) error {
	name := p.Token()
	one := &Presence{Rooms: p.RemainingArgs()}
	if len(one.Rooms) == 0 {
		return p.Err("presence: expected names or globs of rooms, like room:*")
	}
	for _, room := range one.Rooms {
		if slices.ContainsFunc(ns.Presence, func(other *Presence) bool { return slices.Contains(other.Rooms, room) }) {
			return p.Errf("presence: %s is given twice", room)
		}
	}
	options := p.presenceOptions(one)
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		known := findOption(options, p.Val())
		if known == nil {
			return p.unknownName("option of presence", optionNames(options))
		}
		if err := known.parse(); err != nil {
			return err
		}
		if _, err := one.compile(); err != nil {
			return p.Errf("presence: %v", err)
		}
	}
	if _, err := one.compile(); err != nil {
		return directive.ErrorAt(name, "presence: %v", err)
	}
	ns.Presence = append(ns.Presence, one)
	return nil
}

// parseGrace reads the option grace of a presence block.
func (p *parser) parseGrace(one *Presence) error {
	arg, err := p.parseSingle("a duration like 5s, or 0s")
	if err != nil {
		return err
	}
	d, err := caddy.ParseDuration(arg)
	if err != nil {
		return p.Errf("grace: unexpected %q: expected a duration like 5s, or 0s", arg)
	}
	one.Grace = new(caddy.Duration(d))
	return nil
}

// splitRoomEvents splits the words behind on. Behind events of rooms stand the rooms. A
// rule for other events has no rooms.
func splitRoomEvents(words []caddyfile.Token) (events []caddyfile.Token, rooms []string) {
	n := 0
	for n < len(words) && isRoomEvent(words[n].Text) && !words[n].Quoted() {
		n++
	}
	if n == 0 {
		return words, nil
	}
	for _, word := range words[n:] {
		rooms = append(rooms, word.Text)
	}
	return words[:n], rooms
}
