package require

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzRequireText compiles texts and evaluates the expressions that compile.
func FuzzRequireText(f *testing.F) {
	const args = `["a",3,-2.5,{"b":[1,"x"]},null,true,["a","b"],"^[a-z]{1,20}$"]`
	for _, expr := range []string{
		`event.args[0].matches("^[a-z]{1,20}$")`, `"x".matches(event.args[7])`, `event.args[0].matches("(a{1,9}){1,99}")`,
		`event.args.all(a, a == "a" || size(a) > 1)`, `event.args[6].join(",").replace("", event.args[0]) == "a"`,
		`jwt.?plan.orValue("free") == "free" && has(socket.data.name)`, `"%s %d %.3f".format([event.args[0], 1, 2.0]) == ""`,
		`sets.contains(socket.rooms, event.args[6])`, `cel.bind(x, event.args[1], x + x > 4 ? true : x % 0 == 1)`,
		`timestamp(jwt.exp) > timestamp("2030-01-01T00:00:00Z") && duration("1e3s") < duration(event.args[0])`,
		`math.greatest(event.args[1], 2) >> 3`, `b"\xff" == bytes(event.args[0])`, `dyn(socket).id.lowerAscii().reverse() != ""`,
		`[[[[[[]]]]]]`, `{1: {}, "a": [1u, 2.0]}[?event.args[1]].hasValue()`, `-9223372036854775808 / -1 == event.args[1]`,
	} {
		f.Add(expr, args)
	}
	s := newFakeSocket(f)
	f.Fuzz(func(t *testing.T, expr, args string) { compileAndEvaluate(t, expr, args, s) })
}

// FuzzRequire makes expressions of the grammar out of bytes and evaluates them.
func FuzzRequire(f *testing.F) {
	const args = `["a",3,-2.5,{"b":[1,"x"]},null,true,["a","b"],"^[a-z]{1,20}$"]`
	for i := range 64 {
		f.Add(fmt.Appendf(nil, "%x", 1<<i*7919+i), args)
	}
	s := newFakeSocket(f)
	f.Fuzz(func(t *testing.T, choices []byte, args string) {
		g := generator{choices: choices}
		compileAndEvaluate(t, g.newCondition(0), args, s)
	})
}

// compileAndEvaluate fails the test if CEL panics, whether the panic was recovered or not. It
// does not fail for binary keys of maps, with which CEL panics: that event is refused.
func compileAndEvaluate(t *testing.T, expr, args string, s *fakeSocket) {
	x, err := newExpression(expr)
	if err != nil {
		if strings.Contains(err.Error(), "CEL can't compile it") {
			t.Errorf("%s: %v", expr, err)
		}
		return
	}
	binary := [][]byte{{0, 1}}
	err = x.checkTrue(newScope(&hub.Event{Name: "say", Args: sio.Data{JSON: []byte(args), Attachments: binary}}, s, s))
	if err != nil && strings.Contains(err.Error(), "internal error") && !strings.Contains(err.Error(), "unhashable") {
		t.Errorf("%s: %v", expr, err)
	}
}

// generator makes an expression. The bytes choose its parts.
type generator struct{ choices []byte }

// nextChoice returns a number below n.
func (g *generator) nextChoice(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	choice := int(g.choices[0])
	g.choices = g.choices[1:]
	return choice % n
}

// fillTemplate replaces each $ of a template by a value and each ? by a condition.
func (g *generator) fillTemplate(templates []string, depth int) string {
	template := templates[g.nextChoice(len(templates))]
	if depth > 6 {
		template = templates[0]
	}
	var out strings.Builder
	for _, r := range template {
		switch r {
		case '$':
			out.WriteString(g.newValue(depth + 1))
		case '?':
			out.WriteString(g.newCondition(depth + 1))
		case '#':
			out.WriteString(patterns[g.nextChoice(len(patterns))])
		default:
			out.WriteRune(r)
		}
	}
	return strings.ReplaceAll(out.String(), "¿", "?")
}

func (g *generator) newCondition(depth int) string { return g.fillTemplate(conditions, depth) }
func (g *generator) newValue(depth int) string     { return g.fillTemplate(valueTemplates, depth) }

var conditions = []string{
	"true", "$ == $", "$ != $", "$ < $", "$ >= $", "$ in $", "!?", "(? && ?)", "(? || ?)", "(? ¿ ? : ?)",
	"$.all(x, ?)", "$.exists(x, ?)", "$.exists_one(x, ?)", "$.all(i, x, ?)", "has(event.args[3].b)", "has(jwt.sub)",
	"$.startsWith($)", "$.endsWith($)", "$.contains($)", "$.matches(#)", "$.matches($)", "matches($, #)", "sets.contains($, $)",
	"sets.equivalent($, $)", "sets.intersects($, $)", "$.hasValue()", "math.isNaN($)", "math.isInf($)", "cel.bind(x, $, ?)", "type($) == type($)",
}

var valueTemplates = []string{
	"event.args[0]", "event.args[1]", "event.args[2]", "event.args[3]", "event.args[6]", "event.args[7]", "event.args", "event.args[$]",
	"0", "-1", "9223372036854775807", "18446744073709551615u", "1e308", "2.5", `""`, `"a"`, `"é\U0001F600"`, `b"\xff"`, "null", "x", "socket.rooms",
	"socket.data", "jwt", "http.request.header", "dyn($)", "[]", "[$, $]", "{}", "{$: $}", "[¿$]", "$ + $", "$ - $", "$ * $", "$ / $", "$ % $", "-$",
	"int($)", "uint($)", "double($)", "string($)", "bytes($)", "timestamp($)", "duration($)", "size($)", "type($)", "optional.of($)", "optional.none()",
	"$.orValue($)", "$.or($)", "$.value()", "$[¿$]", "$.¿b", "$[$]", "$.map(x, $)", "$.filter(x, ?)", "$.optMap(x, $)", "(? ¿ $ : $)",
	"$.charAt($)", "$.indexOf($)", "$.indexOf($, $)", "$.lastIndexOf($)", "$.lastIndexOf($, $)", "$.lowerAscii()", "$.upperAscii()", "$.trim()",
	"$.replace($, $)", "$.replace($, $, $)", "$.split($)", "$.split($, $)", "$.substring($)", "$.substring($, $)", "$.join()", "$.join($)", "$.reverse()",
	"$.format($)", "strings.quote($)", `"%s %d %x %b %o %.3f %e %%".format([$, $, $, $, $, $, $])`, `"%.100f".format([$])`,
	"math.greatest($, $)", "math.least($)", "math.ceil($)", "math.round($)", "math.abs($)", "math.sign($)", "math.sqrt($)", "math.bitShiftLeft($, $)",
	"math.bitShiftRight($, $)", "math.bitAnd($, $)", "math.bitNot($)", "$.getFullYear()", "$.getHours($)", "$.getSeconds()", "$.first()", "$.last()",
	"cel.bind(x, $, $)",
}

var patterns = []string{
	`"^[a-z]{1,20}$"`, `"(a{1,9}){1,99}"`, `"((a{100}){9}){9}"`, `"("`, `"a{,3}"`, `"a{1001}"`, `"(?i)é{0,3}\\pL{2}"`, `"[^a]{3,}¿"`, `"(?P<n>x{2})*"`, `"(|a){5}"`,
}
