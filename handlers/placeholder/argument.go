package placeholder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// ArgumentJSON returns an argument of the Caddyfile as JSON. Valid JSON is that, where
// placeholders may stand outside of its strings, each for a value of any type; anything
// else is a string. Text that begins like a JSON object or array and is none is an error:
// it would reach clients as a string that they can't read. The error says how to write
// it.
func ArgumentJSON(arg string) (json.RawMessage, error) {
	return argumentJSON(arg, quotePlaceholders, "write JSON with spaces in backticks, and text as")
}

// LiteralJSON is [ArgumentJSON] where there are no placeholders, on the command line.
func LiteralJSON(arg string) (json.RawMessage, error) {
	return argumentJSON(arg, func(text string) string { return text }, "write text as")
}

func argumentJSON(arg string, prepare func(string) string, advice string) (json.RawMessage, error) {
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

// ArgumentsJSON returns arguments as JSON. The error says which one is wrong.
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

// beginsLikeJSON reports whether an argument begins with a JSON object or array, as far
// as its first character tells. A placeholder is neither.
func beginsLikeJSON(arg string) bool {
	arg = strings.TrimLeft(arg, " \t\r\n")
	if strings.HasPrefix(arg, "[") {
		return true
	}
	_, _, isPlaceholder := Cut(arg)
	return strings.HasPrefix(arg, "{") && !isPlaceholder
}

// quotePlaceholders puts quotes around the placeholders that stand outside of the strings
// of JSON: a [Value] takes a string that is one placeholder for a value of any type.
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

// quoteText returns text as a JSON string, as one would write it.
func quoteText(text string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always marshals
	return bytes.TrimSpace(b.Bytes())
}
