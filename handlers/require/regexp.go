package require

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

const (
	// maxRegexp is the largest number of instructions of a regular expression.
	maxRegexp = 5000
	// maxPattern is the length of the longest regular expression that is not in the
	// config, in bytes: a client may have chosen it.
	maxPattern = 1000
	// stepsPerCost is the number of steps of a regular expression for one unit of cost.
	// A step is one instruction for one byte of the text.
	stepsPerCost = 40
)

// The overloads of matches, as a function and as a method.
const (
	matchesOverload = "socketio_matches"
	matchesMember   = "socketio_matches_member"
)

// matchesFunction replaces CEL's own function matches. With a limit of patterns, CEL's
// panics at a repetition like {1,20}, and its cost ignores repetitions.
func matchesFunction() cel.EnvOption {
	texts := []*cel.Type{cel.StringType, cel.StringType}
	binding := cel.BinaryBinding(matchDynamic)
	return cel.Function("matches",
		cel.Overload(matchesOverload, texts, cel.BoolType, binding),
		cel.MemberOverload(matchesMember, texts, cel.BoolType, binding))
}

// standardLibrary is CEL's own library without the function matches.
func standardLibrary() cel.EnvOption {
	return cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: []*env.Function{env.NewFunction("matches")}}))
}

// compileRegexp compiles a pattern and returns its number of instructions. It refuses
// large patterns before it compiles them.
func compileRegexp(pattern string) (*regexp.Regexp, int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	size := countInstructions(parsed)
	if size > maxRegexp {
		return nil, 0, fmt.Errorf("a regex of %d instructions: expected at most %d", size, maxRegexp)
	}
	compiled, err := regexp.Compile(pattern)
	return compiled, size, err
}

// countInstructions estimates the number of instructions of a compiled regular
// expression. The parser limits repetitions of repetitions to 1000.
func countInstructions(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		size = 1
	}
	for _, sub := range re.Sub {
		size += countInstructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return size
}

// matchDynamic matches a text with a pattern that is not a literal.
func matchDynamic(text, pattern ref.Val) ref.Val {
	p, _ := pattern.(types.String)
	if len(p) > maxPattern {
		return types.NewErr("a regex of %d bytes: expected at most %d", len(p), maxPattern)
	}
	compiled, size, err := compileRegexp(string(p))
	if err != nil {
		return types.WrapErr(err)
	}
	return matchText(compiled, size, text)
}

// matchText matches a text, unless the match may take more steps than an evaluation may
// cost.
func matchText(compiled *regexp.Regexp, size int, text ref.Val) ref.Val {
	t, ok := text.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(text)
	}
	if regexpCost(size, string(t)) > maxCost {
		return errCost
	}
	return types.Bool(compiled.MatchString(string(t)))
}

func regexpCost(size int, text string) uint64 {
	return 1 + uint64(size)*uint64(1+len(text))/stepsPerCost
}

// compileLiteralRegexps compiles literal patterns once, together with the expression,
// and keeps their sizes for the costs. where returns the line and column of a call.
func (c costs) compileLiteralRegexps(where func(id int64) string) cel.ProgramOption {
	compile := func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		compiled, size, err := compileRegexp(pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where(call.ID()), err)
		}
		c.regexps[pattern] = size
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
			if len(args) != 2 {
				return types.NoSuchOverloadErr()
			}
			return matchText(compiled, size, args[0])
		}), nil
	}
	// CEL prefers these to its own, as they name an overload.
	return cel.OptimizeRegex(
		&interpreter.RegexOptimization{Function: "matches", OverloadID: matchesOverload, RegexIndex: 1, Factory: compile},
		&interpreter.RegexOptimization{Function: "matches", OverloadID: matchesMember, RegexIndex: 1, Factory: compile})
}
