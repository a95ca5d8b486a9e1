package require

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Repetitions work in patterns of the config and in patterns of clients.
func TestExpressionPatternsMayRepeat(t *testing.T) {
	s := newFakeSocket(t)
	for _, expr := range []string{
		`event.args[0].matches("^[a-z]{1,20}$")`,
		`matches(event.args[0], "^[a-z]{5}$")`,
		`!event.args[0].matches("^[a-z]{6,}$")`,
		`"ab1".matches("^([a-z]{1,2}[0-9]{1,3}){1,3}$")`,
		`event.args[0].matches(event.args[1])`,
		`matches(event.args[0], event.args[1])`,
		`!event.args[2].matches(event.args[1])`,
		`event.args[3].all(p, event.args[0].matches(p))`,
		`socket.rooms.exists(r, r.matches("^[a-z0-9]{20}$"))`,
		`dyn("x").matches(dyn("^x{1}$"))`,
	} {
		if err := evaluateExpression(t, expr, newEvent(`["lobby","^[a-z]{1,20}$","0",["lo{1}b{2}y","(?i)^LOB{2,}Y$"]]`), s); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

// An expression that can't be compiled is an error with its line, whatever is wrong.
func TestExpressionErrorsHaveLines(t *testing.T) {
	for _, test := range []struct{ expr, want string }{
		{`event.args[0].matches("(")`, "line 1 column 22: error parsing regexp: missing closing )"},
		{`event.args[0].matches("a{1001}")`, "line 1 column 22: error parsing regexp: invalid repeat count"},
		{`event.args[0].matches("(a{100}b{100}c{100}){1,9}(d{1000}e{1000}f{1000})")`, "line 1 column 22: a regex of "},
		{"event.name == 'a' &&\n matches(event.name, \"[\")", "line 2 column 9: error parsing regexp"},
		{`event.name.matches(7)`, "line 1 column 19, `event.name.matches▸(7)`: wrong types for"},
		{strings.Repeat("1+", maxExpression) + "1 > 0", "expression code point size exceeds limit"},
		{strings.Repeat("[", 5000), "expression: expression recursion limit exceeded"},
		{strings.Repeat("(", 4000) + "true" + strings.Repeat(")", 4000), "recursion limit exceeded"},
		{strings.Repeat("[].all(x, ", 400) + "true" + strings.Repeat(")", 400), "recursion limit exceeded"},
	} {
		_, err := newExpression(test.expr)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60s: got %v, want %q", test.expr, err, test.want)
		}
	}
	err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("\n\nrequire `event.name.matches(\"(\")`"))
	if err == nil || !strings.Contains(err.Error(), "Testfile:3") {
		t.Errorf("got %v, want an error of line 3", err)
	}
}

// Expressions are compiled however long and deep their parts are.
func TestLongExpressionsCompile(t *testing.T) {
	s := newFakeSocket(t)
	for _, expr := range []string{
		"0" + strings.Repeat("+1", 4000) + " > 0",
		"true" + strings.Repeat(" && true", 1000),
		"event.name in [" + strings.Repeat(`"a",`, 2000) + `"say"]`,
		strings.Repeat("!", 5000) + "true",
		strings.Repeat("[", 40) + strings.Repeat("]", 40) + " == []",
	} {
		x, err := newExpression(expr)
		if err == nil {
			_ = x.checkTrue(newScope(newEvent(`[]`), s, s))
		}
	}
}

// No call does far more work, or takes far more memory, than an evaluation may cost.
func TestExpressionCostsAreBounded(t *testing.T) {
	const half = 30_000
	texts := `["` + strings.Repeat("a", half) + `","` + strings.Repeat("a", half/2) + `b","a"]`
	list := `[[` + strings.Repeat(`"",`, 9000) + `""],"` + strings.Repeat("x", half) + `"]`
	numbers := `[[` + strings.Repeat("1,", 12_000) + `1],[` + strings.Repeat("2,", 12_000) + `2]]`
	for _, test := range []struct{ name, expr, args string }{
		{"large result", `event.args[0].replace(event.args[2], event.args[1]).size() > 0`, texts},
		{"large result, at each place", `event.args[0].replace("", event.args[1]).size() > 0`, texts},
		{"large result, limited", `event.args[0].replace("a", event.args[1], -1).size() > 0`, texts},
		{"large result of a list", `event.args[0].join(event.args[1]).size() > 0`, list},
		{"large texts of a list", `event.args[0].map(x, event.args[1]).join().size() > 0`, list},
		{"large texts of a format", `event.args[1].format(event.args[0].map(x, event.args[1])) == ""`, list},
		{"long search", `event.args[0].indexOf(event.args[1]) == -1`, texts},
		{"long search from a place", `event.args[0].indexOf(event.args[1], 1) == -1`, texts},
		{"long search from the end", `event.args[0].lastIndexOf(event.args[1]) == -1`, texts},
		{"pairs", `!sets.contains(event.args[0], event.args[1])`, numbers},
		{"pairs, intersecting", `!sets.intersects(event.args[0], event.args[1])`, numbers},
		{"pairs, both ways", `!sets.equivalent(event.args[0], event.args[1])`, numbers},
		{"long text for a pattern", `!event.args[0].matches("^(a{1,20}a{1,20}){1,20}$")`, texts},
		{"long text for a client's pattern", `!event.args[0].matches(event.args[1])`, `["` + strings.Repeat("a", half) + `","^(a{1,20}a{1,20}){1,20}$"]`},
		{"many patterns", `event.args[0].all(p, !"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".matches(p))`, `[[` + strings.Repeat(`"(x{0,30}){30}y",`, 900) + `"y"]]`},
		{"many texts", `event.args[0].all(a, !a.matches("(x{0,30}){30}y"))`, `[[` + strings.Repeat(`"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",`, 900) + `"x"]]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := evaluateExpression(t, test.expr, newEvent(test.args), newFakeSocket(t))
			if err == nil || !strings.Contains(err.Error(), "cost limit") {
				t.Errorf("got %v, want the cost limit", err)
			}
		})
	}
	for _, test := range []struct{ name, args, want string }{
		{"long pattern", `["` + strings.Repeat("a", maxPattern+1) + `"]`, "a regex of 1001 bytes"},
		{"pattern that grows", `["((a{1000}))"]`, "it is false"},
		{"pattern that grows too much", `["((a{10}b{10}){50}c{1,9}){2}|(x{1,1000}y{1,1000}z{1,1000}){1}"]`, "a regex of "},
		{"pattern of classes", `["(\\pL{9}[^a]){99}"]`, "it is false"},
		{"no pattern", `["a{2,1}"]`, "invalid repeat count"},
		{"no text", `[{"a":1}]`, "no such overload"},
		{"binary", `[{"_placeholder":true,"num":0}]`, "no such overload"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := evaluateExpression(t, `"x".matches(event.args[0])`, newEvent(test.args, []byte("x")), newFakeSocket(t))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A guard leaves the results of its function as they are.
func TestGuardedFunctionsKeepResults(t *testing.T) {
	for _, expr := range []string{
		`"a-b-b".replace("b", "c") == "a-c-c" && "a-b-b".replace("b", "c", 1) == "a-c-b"`,
		`["a", "b"].join() == "ab" && ["a", "b"].join("-") == "a-b" && event.args.join("+") == "x+y"`,
		`"abcb".indexOf("b") == 1 && "abcb".indexOf("b", 2) == 3 && "abcb".lastIndexOf("b") == 3 && "abcb".lastIndexOf("b", 2) == 1`,
		`"%s is %d".format(["a", 1]) == "a is 1" && event.args[0].format([]) == "x"`,
		`sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])`,
	} {
		if err := evaluateExpression(t, expr, newEvent(`["x","y"]`), newFakeSocket(t)); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
}
