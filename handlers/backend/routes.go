package backend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// placedRoutes are HTTP routes in which each text with a value that a client may have
// chosen is replaced by one placeholder of this package, {socketio.N}.
type placedRoutes struct {
	routes caddyhttp.RouteList
	names  assigned
	texts  map[string]*placedText // by the names of their placeholders
	// setsBody is true if a handler may replace the body of the request.
	setsBody bool
	timeout  caddy.Duration // of FastCGI
	// hasFastCGI is true if a handler may send the request by FastCGI.
	hasFastCGI bool
	// uriValue is a placeholder in a rewrite whose value a client may have chosen.
	// uriEdit is a field that edits URIs. Each is empty if the routes have none.
	uriValue, uriEdit string
}

// ownPrefix is the prefix of the placeholders that replace texts.
const ownPrefix = "socketio."

// placeValues makes the routes of a backend safe: values of clients may stand in
// [places] only, and are escaped there. The error names another place.
//
// names are the names to which rules of the namespace assign values. named are the
// named routes of the server. They are inlined where they are invoked, as events are
// known only there.
func placeValues(routes caddyhttp.RouteList, named map[string]*caddyhttp.Route, names assigned, timeout caddy.Duration) (*placedRoutes, error) {
	config, err := decodeConfig(routes)
	if err != nil {
		return nil, err
	}
	if err := (inliner{named: named}).inlineConfig(config); err != nil {
		return nil, err
	}
	names.followAssignments(config, names.followHTTP)
	p := &placedRoutes{names: names, texts: make(map[string]*placedText), timeout: timeout}
	if err := p.placeRoutes(config); err != nil {
		return nil, err
	}
	if config = passRequestURI(config); p.uriValue != "" && p.uriEdit != "" {
		return nil, fmt.Errorf("unexpected %s beside {%s} in a rewrite: it would edit the URI after the value was checked; "+
			"rewrite to the final URI instead", p.uriEdit, p.uriValue)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return p, json.Unmarshal(raw, &p.routes)
}

// decodeConfig returns a config as decoded JSON.
func decodeConfig(config any) (value any, err error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// placeRoutes places the values in a list of routes.
func (p *placedRoutes) placeRoutes(config any) error {
	routes, _ := config.([]any)
	for _, r := range routes {
		route, _ := r.(map[string]any)
		for name, field := range route {
			var err error
			switch name {
			case "match":
				err = p.placeMatchers(field)
			case "handle":
				err = p.placeHandlers(field)
			default:
				_, err = p.placeField([]string{"route", name}, field)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// placeHandlers places the values in a list of handlers.
func (p *placedRoutes) placeHandlers(config any) error {
	handlers, _ := config.([]any)
	for _, h := range handlers {
		handler, _ := h.(map[string]any)
		name, _ := handler["handler"].(string)
		switch {
		case name == "request_body":
			p.setsBody = true
		case name == "reverse_proxy":
			p.hasFastCGI = boundFastCGI(handler, p.timeout) || p.hasFastCGI
		case name == "templates" && handler["delimiters"] != nil:
			return errors.New("unexpected delimiters of templates in a backend: values are escaped for {{ and }}")
		}
		if _, err := p.placeField([]string{name}, handler); err != nil {
			return err
		}
	}
	return nil
}

// placeMatchers places the values in a list of matcher sets.
func (p *placedRoutes) placeMatchers(config any) error {
	sets, _ := config.([]any)
	for _, set := range sets {
		matchers, _ := set.(map[string]any)
		for name, matcher := range matchers {
			if name == "not" {
				if err := p.placeMatchers(matcher); err != nil {
					return err
				}
				continue
			}
			placed, err := p.placeField([]string{"match", name}, matcher)
			if err != nil {
				return err
			}
			matchers[name] = placed
		}
	}
	return nil
}

// uriEdits are the fields of a rewrite that edit a URI instead of replacing it.
var uriEdits = []string{"strip_path_prefix", "strip_path_suffix", "uri_substring", "path_regexp"}

// placeField places the values in a field, and returns the new value of the field.
func (p *placedRoutes) placeField(path []string, value any) (any, error) {
	switch strings.Join(path, ".") {
	case "subroute.routes", "subroute.errors.routes", "reverse_proxy.handle_response.routes", "intercept.handle_response.routes":
		return value, p.placeRoutes(value)
	case "reverse_proxy.load_balancing.retry_match":
		return value, p.placeMatchers(value)
	case "rewrite.uri", "reverse_proxy.rewrite.uri":
		uri, _ := value.(string)
		return p.placeURI(path, uri)
	}
	if slices.Contains(path, "rewrite") && slices.Contains(uriEdits, path[len(path)-1]) {
		p.uriEdit = path[len(path)-1]
	}
	switch value := value.(type) {
	case string:
		return p.placeText(path, findPlace(path), value)
	case []any:
		for i, member := range value {
			placed, err := p.placeField(path, member)
			if err != nil {
				return nil, err
			}
			value[i] = placed
		}
	case map[string]any:
		for key, member := range value {
			if _, err := p.placeText(path, keyPlace(path), key); err != nil {
				return nil, err
			}
			placed, err := p.placeField(append(slices.Clone(path), key), member)
			if err != nil {
				return nil, err
			}
			value[key] = placed
		}
	}
	return value, nil
}

// keyPlace returns the place of the keys of an object. Two matchers compare their keys.
func keyPlace(path []string) *place {
	switch strings.Join(path, ".") {
	case "match.vars", "match.vars_regexp":
		return plainText
	}
	return unlistedPlace
}

// placeText returns the placeholder that replaces a text, or the text if it may stay.
func (p *placedRoutes) placeText(path []string, at *place, text string) (string, error) {
	if at == literalText {
		return text, nil
	}
	if slices.ContainsFunc(findPlaceholders(text), func(name string) bool { return strings.HasPrefix(name, ownPrefix) }) {
		return "", fmt.Errorf("unexpected {%s*} in %s: the name is used inside of backend", ownPrefix, describePlace(path, at))
	}
	if err := refuseExtended(text, path, at); err != nil {
		return "", err
	}
	name, worst := p.names.worstPlaceholder(text, at.exempt...)
	if worst > at.leastTrust {
		return "", refusePlaceholder(name, path, at, p.names)
	}
	if at.check != nil && (worst > ownValue || at.renderAll) {
		if err := at.check(text, p.names); err != nil {
			return "", err
		}
	}
	if at.render == nil || worst == ownValue && !at.renderAll {
		return text, nil
	}
	placed := parsePlacedText(text, at, p.names)
	if len(placed.parts) == 1 {
		return text, nil
	}
	own := ownPrefix + strconv.Itoa(len(p.texts))
	if at == inAddress { // Caddy knows upstreams by their address
		own += "." + strings.NewReplacer("{", "(", "}", ")").Replace(text)
	}
	p.texts[own] = placed
	return "{" + own + "}", nil
}

// replacePlaceholder returns the value of a placeholder in the routes. repl has Caddy's
// own placeholders. It panics with a [placeError] if the value can't stand in its
// place: the handler that evaluates the placeholder must not continue.
func (p *placedRoutes) replacePlaceholder(ev *hub.Event, repl *caddy.Replacer, name string) (any, bool) {
	if placed, ok := p.texts[name]; ok {
		text, err := placed.place.render(placed, func(name string) (placedValue, bool) { return p.lookupValue(ev, repl, name) })
		if err != nil {
			panic(err)
		}
		return text, true
	}
	if p.assignsName(name) {
		return nil, false // the handler that assigns it comes later
	}
	value, ok := lookUpEvent(ev, name)
	return value.Text(), ok
}

// lookupValue returns the value of a placeholder. A value of Caddy's that is JSON
// becomes a JSON value.
func (p *placedRoutes) lookupValue(ev *hub.Event, repl *caddy.Replacer, name string) (placedValue, bool) {
	if isEventName(name) && !p.assignsName(name) {
		value, _ := lookUpEvent(ev, name)
		return placedValue{data: value, text: value.Text()}, true
	}
	found, known := repl.Get(name)
	text := caddy.ToString(found)
	value, err := sio.Marshal(json.RawMessage(text))
	if err != nil {
		value, _ = sio.Marshal(text) // a string always marshals
	}
	return placedValue{data: value, text: text}, known
}

// assignsName reports whether a handler in the routes assigns a value to the name.
func (p *placedRoutes) assignsName(name string) bool {
	_, ok := p.names[name]
	return ok && !strings.HasPrefix(name, "socket.")
}

// placeURI places the values in a URI to rewrite to. Caddy escapes the values in a
// query, of which a client must not choose a name.
func (p *placedRoutes) placeURI(path []string, uri string) (string, error) {
	if err := refuseExtended(uri, path, unlistedPlace); err != nil {
		return "", err
	}
	if name, worst := p.names.worstPlaceholder(uri, slices.Concat(inPath.exempt, inQuery.exempt)...); worst > ownValue {
		p.uriValue = name
	}
	uriPath, query, hasQuery := strings.Cut(uri, "?")
	placed, err := p.placeText(path, inPath, uriPath)
	if err != nil || !hasQuery {
		return placed, err
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if found, worst := p.names.worstPlaceholder(name, inQuery.exempt...); worst > ownValue {
			return "", fmt.Errorf("unexpected {%s} in the query of %s: a client must not choose the name of a parameter: expected name={%s}", found, describePlace(path, unlistedPlace), found)
		}
	}
	return placed + "?" + query, nil
}

// describePlace names a place in an error.
func describePlace(path []string, at *place) string {
	if at.name != "" {
		return at.name
	}
	return fmt.Sprintf("%s of the HTTP handler %s", strings.Join(path[1:], "."), path[0])
}

// refusePlaceholder returns the error for a placeholder that may not stand in its
// place. It names the placeholders that may.
func refusePlaceholder(name string, path []string, at *place, names assigned) error {
	instead := "only {env.NAME} and what else no client chooses may stand there"
	if at.leastTrust == vouchedValue {
		instead = "{socket.data.KEY} and {jwt.CLAIM} may stand there, unless set takes them from the client"
	}
	where := describePlace(path, at)
	switch {
	case path[0] == "match" && at == unlistedPlace:
		where = fmt.Sprintf("the matcher %s", path[1])
		instead = fmt.Sprintf("compare it by vars {%s} VALUE or expression `{%s} == \"VALUE\"`", name, name)
	case strings.HasPrefix(strings.Join(path, "."), "reverse_proxy.transport.env."):
		instead = "header_up makes HTTP_NAME of it"
	}
	return fmt.Errorf("unexpected {%s} in %s: a client must not choose it; %s", name, where, instead)
}

// inliner inlines named routes where they are invoked.
type inliner struct {
	named    map[string]*caddyhttp.Route
	invokers []string // the named routes around the config, to find recursion
}

// inlineConfig inlines the named routes in decoded JSON, in place.
func (l inliner) inlineConfig(config any) error {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			if err := l.inlineConfig(member); err != nil {
				return err
			}
		}
	case map[string]any:
		inner, err := l.inlineHandler(config)
		if err != nil {
			return err
		}
		for _, member := range config {
			if err := inner.inlineConfig(member); err != nil {
				return err
			}
		}
	}
	return nil
}

// inlineHandler replaces a handler that invokes a named route by a subroute. It returns
// the inliner for the fields of the handler.
func (l inliner) inlineHandler(config map[string]any) (inliner, error) {
	if config["handler"] != "invoke" {
		return l, nil
	}
	name, _ := config["name"].(string)
	route := l.named[name]
	switch {
	case route == nil:
		return l, fmt.Errorf("invoke: there is no named route %q", name)
	case slices.Contains(l.invokers, name):
		return l, fmt.Errorf("the named route %s invokes itself, which it can't in a backend", name)
	case len(route.HandlersRaw) == 0 && len(route.Handlers) > 0:
		return l, fmt.Errorf("the named route %s can't be invoked by a backend that is in a named route itself", name)
	}
	inlined, err := decodeConfig(route)
	if err != nil {
		return l, err
	}
	delete(config, "name")
	config["handler"], config["routes"] = "subroute", []any{inlined}
	return inliner{named: l.named, invokers: append(slices.Clone(l.invokers), name)}, nil
}
