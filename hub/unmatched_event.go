package hub

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/nearest"
	"go.uber.org/zap"
)

const (
	// maxNamedRules is how many events of rules a log entry names.
	maxNamedRules = 30
	// maxNearestName is how long a name is compared with the events of rules: the time
	// grows with its length.
	maxNearestName = 100
)

// logUnmatchedEvent logs an event of a client that no rule or listener matches, at debug
// level, with the events that the namespace has rules for and the nearest of them.
func (ns *Namespace) logUnmatchedEvent(ev *Event) {
	entry := ns.hub.log().Check(zap.DebugLevel, "event dropped: no rule matches it")
	if entry == nil {
		return
	}
	names := ns.rules.Load().clientEvents()
	fields := append(ev.LogFields(), zap.String("event", shortenText(ev.Name)), zap.Strings("rules", names[:min(len(names), maxNamedRules)]))
	if near := nearestEvent(ev.Name, names); near != "" {
		fields = append(fields, zap.String("nearest", near))
	}
	entry.Write(fields...)
}

// clientEvents returns the names and globs of the clients' events that have rules.
func (r *rules) clientEvents() []string {
	names := []string{}
	if r == nil {
		return names
	}
	for _, one := range r.list {
		for _, event := range one.events {
			if !event.isLifecycle {
				names = append(names, event.String())
			}
		}
	}
	return names
}

// nearestEvent returns the event that a misspelled name probably means: one that differs in
// case and separators alone, or in a few letters. It returns "" if there is none.
func nearestEvent(name string, events []string) string {
	if len(name) > maxNearestName {
		return ""
	}
	for _, event := range events {
		if foldEventName(event) == foldEventName(name) {
			return event
		}
	}
	return nearest.Find(name, events)
}

// foldEventName returns a name in lower case and without separators.
func foldEventName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_:./ ", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
