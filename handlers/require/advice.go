package require

import (
	"regexp"
	"strings"
)

// markPlace returns the part of an expression around a line and a column, with a mark
// before the column: `event.args[0] ▸= 1`. Lines count from 1, columns from 0.
func markPlace(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(lines[line-1])
	column = min(max(column, 0), len(runes))
	before, after := runes[max(column-20, 0):column], runes[column:min(column+20, len(runes))]
	return "`" + string(before) + "▸" + string(after) + "`"
}

// plainMessages are the words of CEL's parser and their plain meaning.
var plainMessages = strings.NewReplacer(
	"Syntax error: ", "",
	"token recognition error at: ", "unknown character ",
	"mismatched input '<EOF>'", "unexpected end",
	"no viable alternative at input '<EOF>'", "unexpected end",
	"mismatched input", "unexpected",
	"extraneous input", "unexpected",
	"no viable alternative at input", "unexpected",
	"'<EOF>'", "the end",
	"<EOF>", "the end",
	" (in container '')", "",
	"undeclared reference to", "unknown name",
	"found no matching overload for", "wrong types for",
)

// plainMessage returns an error of the compiler in plain words.
func plainMessage(message string) string {
	message = plainMessages.Replace(message)
	if unexpected, _, ok := strings.Cut(message, " expecting {"); ok {
		return unexpected // the list of all tokens helps no reader
	}
	return strings.ReplaceAll(message, " expecting ", ", expected ")
}

// quotedText finds the strings of an expression.
var quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\.|[^'\\])*'`)

// operators finds operators of other languages.
var operators = []struct {
	written *regexp.Regexp
	advice  string
}{
	{regexp.MustCompile(`[=!]==`), "compare with == and !="},
	{regexp.MustCompile(`[^=!<>]=[^=]`), "compare with =="},
	{regexp.MustCompile(`\band\b|\bor\b|\bnot\b`), "the operators are &&, || and !"},
	{regexp.MustCompile(`(^|[^.\w])args\b`), "the arguments of the event are event.args"},
	{regexp.MustCompile(`(^|[^.\w])(data|auth)\b`), "the data of the socket is socket.data, its auth socket.auth"},
	{regexp.MustCompile(`\.length\b`), "a length is size(…)"},
	{regexp.MustCompile(`\btypeof\b`), "a type is type(…) == string"},
}

// adviseOperator returns advice for an expression with an operator of another language,
// or "".
func adviseOperator(text string) string {
	text = quotedText.ReplaceAllString(text, `""`)
	for _, operator := range operators {
		if operator.written.MatchString(text) {
			return operator.advice
		}
	}
	return ""
}
