package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
)

// isTemplateAction reports whether a brace begins the action of a template, like
// {{placeholder "event.name" | toJson}}.
func isTemplateAction(text string, at int) bool {
	if at == 0 || text[at-1] != '{' {
		return false
	}
	_, _, isName := placeholder.Cut(text[at:])
	return !isName
}

// checkTemplateActions refuses placeholders in the actions of a template, where a value
// would become code.
func checkTemplateActions(text string, _ assigned) error {
	for i := range len(text) {
		name, ok := placeholderAt(text, i)
		if ok && !isTemplateAction(text, i) && strings.LastIndex(text[:i+1], "{{") > strings.LastIndex(text[:i], "}}") {
			return fmt.Errorf("unexpected {%s} in the action of a template: expected {{placeholder %q | toJson}}", name, name)
		}
	}
	return nil
}

// checkResponseBody refuses values of clients in the body of a response where they
// would become code or a key of an object.
func checkResponseBody(text string, names assigned) error {
	if err := checkTemplateActions(text, names); err != nil {
		return err
	}
	return checkJSONKeys(text, names)
}

// checkJSONKeys refuses values of clients in the keys of JSON objects: a client would
// choose the meaning of the value behind the key.
func checkJSONKeys(text string, names assigned) error {
	key := "" // the placeholder of the last string or value: a colon after it makes it a key
	quoted := false
	for i := 0; i < len(text); i++ {
		name, ok := placeholderAt(text, i)
		switch c := text[i]; {
		case ok && !isTemplateAction(text, i):
			if names.lookupTrust(name) > vouchedValue {
				key = name
			}
			i += len(name) + 1
		case c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; quoted {
				key = ""
			}
		case quoted || strings.IndexByte(" \t\r\n", c) >= 0:
		case c == ':' && key != "":
			return fmt.Errorf("unexpected {%s} in the key of an object: a client must not choose it; expected a key of the config, like \"name\":{%s}", key, key)
		default:
			key = ""
		}
	}
	return nil
}

// checkRequestBody refuses a body that is not JSON, as values can't be escaped there.
func checkRequestBody(text string, names assigned) error {
	if err := checkResponseBody(text, names); err != nil {
		return err
	}
	example := parsePlacedText(text, inResponseBody, names).joinParts(func(part textPart) string {
		if part.quoted {
			return ""
		}
		return "null"
	})
	if !json.Valid([]byte(example)) {
		return errors.New("the body that request_body sets has values of clients and is no JSON: expected JSON, like {\"name\":\"{event.name}\"}")
	}
	return nil
}

// matcherFunctions are the functions of expressions that take patterns.
var matcherFunctions = []string{
	"client_ip", "file", "header", "header_regexp", "host", "method", "path", "path_regexp", "protocol", "query",
	"remote_ip", "tls", "vars", "vars_regexp",
}

// checkExpression refuses values of clients in strings and in the patterns of matchers.
func checkExpression(text string, names assigned) error {
	var quote byte     // the quote around the current byte
	var calls []string // the functions around the current byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		name, ok := placeholderAt(text, i)
		switch {
		case ok && names.lookupTrust(name) > ownValue:
			if quote != 0 || slices.ContainsFunc(calls, func(f string) bool { return slices.Contains(matcherFunctions, f) }) {
				return fmt.Errorf("unexpected {%s} in a string or a matcher of an expression: expected a comparison, like {%s} == \"VALUE\"", name, name)
			}
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			calls = append(calls, lastWord(text[:i]))
		case c == ')' && len(calls) > 0:
			calls = calls[:len(calls)-1]
		}
	}
	return nil
}

// lastWord returns the name at the end of a text, without the object of a method.
func lastWord(text string) string {
	text = strings.TrimRight(text, " \t\n")
	start := strings.LastIndexFunc(text, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	return text[start+1:]
}
