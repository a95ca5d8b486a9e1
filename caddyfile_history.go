package socketio

import "strings"

// parseHistory reads a history option of a namespace:
//
//	history <room...> {
//		events <event...>
//		keep   <number>
//		for    <duration>
//	}
func (p *parser) parseHistory(ns *Namespace) error {
	h := &History{Rooms: p.RemainingArgs()}
	if len(h.Rooms) == 0 {
		return p.Err("history: expected names or globs of rooms, like room:*")
	}
	for _, room := range h.Rooms {
		if strings.Contains(room, "{") {
			return p.Errf("history: unexpected placeholder in %q: expected names or globs of rooms, like room:*", room)
		}
	}
	options := []option{
		{"events", func() error { return p.parseList(&h.Events) }},
		{"keep", func() error { return p.parseNumber(&h.Keep) }},
		{"for", func() error { return p.parseDuration(&h.For) }},
	}
	if err := p.parseOptions("option of history", options); err != nil {
		return err
	}
	if err := h.checkValues(); err != nil {
		return p.WrapErr(err)
	}
	ns.History = append(ns.History, h)
	return nil
}
