package hub

// matcher says which events a rule or a listener handles. Those of a socket's
// life are named; globs are for clients' events.
type matcher []glob

func newMatcher(events ...string) matcher {
	m := make(matcher, len(events))
	for i, e := range events {
		m[i] = newGlob(e, false)
	}
	return m
}

func (m matcher) match(ev *Event) bool {
	for _, g := range m {
		if ev.Type == ClientEvent && !(g.plain() && lifecycle(g.pattern)) {
			if g.match(ev.Name) {
				return true
			}
		} else if g.plain() && g.pattern == string(ev.Type) {
			return true
		}
	}
	return false
}

func lifecycle(event string) bool {
	switch EventType(event) {
	case Connect, Disconnecting, Disconnect:
		return true
	}
	return false
}
