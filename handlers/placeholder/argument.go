package placeholder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// ArgumentJSON returns an argument of a Caddyfile as JSON. An argument that is valid
// JSON stays as it is. Outside of its strings, placeholders may stand for values of any
// type. Any other argument becomes a string.
//
// Text that begins like a JSON object or array but is invalid is an error: clients
// would get it as a string that they can't parse. The error shows how to write it as
// text.
func ArgumentJSON(arg string) (json.RawMessage, error) {
	return parseArgument(arg, quotePlaceholders, "write JSON with spaces in backticks, and text as")
}

// LiteralJSON is [ArgumentJSON] for the command line, which has no placeholders.
func LiteralJSON(arg string) (json.RawMessage, error) {
	return parseArgument(arg, func(text string) string { return text }, "write text as")
}

func parseArgument(arg string, prepare func(string) string, advice string) (json.RawMessage, error) {
	if json.Valid([]byte(arg)) {
		return json.RawMessage(arg), nil
	}
	asText := quoteText(arg)
	if !beginsLikeJSON(arg) {
		return asText, nil
	}
	raw := []byte(prepare(arg))
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("%s begins like JSON but is not: %w; %s `%s` with the quotes", arg, err, advice, asText)
	}
	return raw, nil
}

// ArgumentsJSON returns arguments as JSON. The error names the index of the wrong one.
func ArgumentsJSON(args []string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	for i, arg := range args {
		raw, err := ArgumentJSON(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		list = append(list, raw)
	}
	return list, nil
}

// beginsLikeJSON reports whether the first character of an argument begins a JSON
// object or array. A placeholder begins neither.
func beginsLikeJSON(arg string) bool {
	arg = strings.TrimLeft(arg, " \t\r\n")
	if strings.HasPrefix(arg, "[") {
		return true
	}
	_, _, isPlaceholder := Cut(arg)
	return strings.HasPrefix(arg, "{") && !isPlaceholder
}

// quotePlaceholders puts quotes around the placeholders outside of the strings of JSON.
// A [Value] takes a string that is one placeholder for a value of any type.
func quotePlaceholders(text string) string {
	var b strings.Builder
	quoted := false
	for len(text) > 0 {
		size := 1
		switch key, _, ok := Cut(text); {
		case quoted && text[0] == '\\' && len(text) > 1:
			size = 2
		case text[0] == '"':
			quoted = !quoted
		case !quoted && text[0] == '{' && ok:
			size = len(key) + 2
			b.Write(quoteText(text[:size]))
			text = text[size:]
			continue
		}
		b.WriteString(text[:size])
		text = text[size:]
	}
	return b.String()
}

// quoteText returns text as a JSON string, without HTML escapes.
func quoteText(text string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always marshals
	return bytes.TrimSpace(b.Bytes())
}
