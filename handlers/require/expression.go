package require

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

// Limits of an expression, for any input of clients.
const (
	// maxCost is the largest cost of one evaluation, in CEL's units. A unit is about
	// one operation, or ten characters of a string. The limit takes about ten
	// milliseconds; the time that CEL needs to count grows with its square.
	maxCost = 20_000
	// maxInput is the largest input from a client for one evaluation, in bytes of JSON.
	// Binary values don't count: they are not parsed.
	maxInput = 64 << 10
	// maxArgs is the largest number of arguments of an event that an expression reads.
	maxArgs = 1000
	// maxExpression is the length of the longest expression, in characters.
	maxExpression = 10_000
)

// environment returns the CEL environment, built with the first expression: the
// variables, CEL's own functions, its optional values, and the extensions strings,
// math, sets and bindings.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewCustomEnv(
		standardLibrary(), matchesFunction(), roomFunction(),
		cel.OptionalTypes(), cel.EagerlyValidateDeclarations(true),
		ext.Strings(), ext.Math(), ext.Sets(), ext.Bindings(),
		guardFunctions,
		cel.ParserExpressionSizeLimit(maxExpression),
		registerObjectTypes,
		cel.Variable("socket", socketType.cel),
		cel.Variable("event", eventType.cel),
		cel.Variable("http", httpType.cel),
		cel.Variable("jwt", claimsType),
		cel.Variable("room", roomType.cel),
	)
})

// expression is a compiled CEL expression. It is safe for concurrent use.
type expression struct{ program cel.Program }

// placeholderHint finds a placeholder, which expressions do not have.
var placeholderHint = regexp.MustCompile(`\{(socket|event|http|jwt)\.[\w.-]+\}`)

// newExpression compiles an expression. The error is one line with the line and column
// in the expression.
func newExpression(text string) (x *expression, err error) {
	defer func() {
		if value := recover(); value != nil {
			x, err = nil, fmt.Errorf("expression: CEL can't compile it: %v", value)
		}
	}()
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the expression is empty")
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, compileError(text, issues)
	}
	if t := checked.OutputType(); t.Kind() != cel.BoolKind && t.Kind() != cel.DynKind {
		return nil, fmt.Errorf("the expression is of type %s: expected one that is true or false", t)
	}
	c := costs{regexps: make(map[string]int)}
	where := func(id int64) string {
		place := checked.NativeRep().SourceInfo().GetStartLocation(id)
		return fmt.Sprintf("expression, line %d column %d", place.Line(), place.Column()+1)
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.CostTracking(c), c.compileLiteralRegexps(where))
	if err != nil {
		return nil, err
	}
	return &expression{program}, nil
}

// compileError returns the first issue of the compiler. It adds advice if the expression
// has a placeholder.
func compileError(text string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	message := plainMessage(first.Message)
	err := fmt.Errorf("expression, line %d column %d, %s: %s",
		first.Location.Line(), first.Location.Column()+1, markPlace(text, first.Location.Line(), first.Location.Column()), message)
	if first.Location.Line() < 1 { // the whole expression is at fault
		err = fmt.Errorf("expression: %s", message)
	}
	if advice := adviseOperator(text); advice != "" {
		err = fmt.Errorf("%w; %s", err, advice)
	}
	if match := placeholderHint.FindString(text); match != "" {
		err = fmt.Errorf("%w; expressions have no placeholders: write %s, not %s", err, strings.Trim(match, "{}"), match)
	}
	return err
}

// errFalse means that an expression is false.
var errFalse = errors.New("it is false")

// checkTrue returns nil if the expression is true in the scope. The error is the reason
// otherwise: it is false or not a boolean, or its evaluation failed, for a missing key
// for instance.
func (x *expression) checkTrue(s *scope) error {
	result, _, err := x.program.Eval(s)
	switch {
	case err != nil:
		return err
	case result == types.True:
		return nil
	case result == types.False:
		return errFalse
	}
	return fmt.Errorf("it is of type %s, not bool", result.Type().TypeName())
}
