package placeholder

import (
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// key is a placeholder that is compiled.
type key struct {
	name     string // without braces and default
	path     hub.Path
	count    *count // nil for other placeholders
	fallback *Value // the default; nil without one
}

// newKey compiles a key. The error names an unknown placeholder, or says that a default
// is wrong.
func newKey(raw string) (key, error) {
	name, text, hasDefault := cutDefault(raw)
	k := key{name: name, path: hub.NewPath(name)}
	if err := checkKey(name); err != nil {
		return key{}, err
	}
	var err error
	if k.count, err = newCount(name); err != nil {
		return key{}, err
	}
	if !hasDefault {
		return k, nil
	}
	value := json.RawMessage(text)
	if !json.Valid(value) {
		value = quoteText(text)
	}
	fallback, err := NewValue(value)
	if err != nil {
		return key{}, err
	}
	k.fallback = &fallback
	return k, nil
}

// valueFor returns the value of the placeholder in an event, null without one.
func (k *key) valueFor(ev *hub.Event) sio.Data {
	if value, ok := k.lookUp(ev); ok {
		return value
	}
	return sio.Data{JSON: []byte("null")}
}

// lookUp returns the value of the placeholder in an event. The second result is false
// without a value. The default is used in place of null and of empty text, too.
func (k *key) lookUp(ev *hub.Event) (value sio.Data, ok bool) {
	if k.count != nil {
		value, ok = k.count.readFor(ev)
	} else {
		value, ok = lookUpPath(ev, k.path)
	}
	if k.fallback == nil {
		return value, ok
	}
	if text := string(value.JSON); !ok || text == "null" || text == `""` {
		return k.fallback.For(ev), true
	}
	return value, true
}

// allNames returns the name of the key, and the names of the placeholders inside of it.
func (k *key) allNames() []string {
	names := []string{k.name}
	if k.count != nil {
		names = append(names, k.count.room.Keys()...)
	}
	if k.fallback != nil {
		names = append(names, k.fallback.Keys()...)
	}
	return names
}

// readsCount reports whether the key or its default is a number of sockets.
func (k *key) readsCount() bool {
	return k.count != nil || k.fallback != nil && k.fallback.ReadsCounts()
}
