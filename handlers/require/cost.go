package require

import (
	"fmt"
	"regexp/syntax"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// errCost is the result of a call that would cost more than a whole evaluation may.
var errCost = types.NewErr("the call does too much work: cost limit exceeded")

// costs counts the operations for which CEL counts one unit each: operations on types
// known only at run time, like the types of arguments, and regular expressions.
type costs struct {
	// regexps has the number of instructions of each literal pattern. Static once the
	// expression is compiled.
	regexps map[string]int
}

// CallCost returns the cost of a call, or nil if CEL's own count is right.
func (c costs) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	if function == "matches" && len(args) == 2 {
		return c.matchesCost(args[0], args[1])
	}
	if overload != "" {
		return nil
	}
	size := valueSize(result)
	for _, arg := range args {
		size += valueSize(arg)
	}
	return new(1 + size/10)
}

func (c costs) matchesCost(text, pattern ref.Val) *uint64 {
	t, _ := text.(types.String)
	p, _ := pattern.(types.String)
	size, literal := c.regexps[string(p)]
	if !literal && len(p) <= maxPattern {
		if parsed, err := syntax.Parse(string(p), syntax.Perl); err == nil {
			size = countInstructions(parsed)
		}
	}
	return new(regexpCost(size, string(t)))
}

func valueSize(value ref.Val) uint64 {
	sized, ok := value.(traits.Sizer)
	if !ok {
		return 0
	}
	size, _ := sized.Size().(types.Int)
	return uint64(size)
}

// guards return the costs of calls before they are made: of functions whose work or
// result can be far larger than their arguments. CEL itself counts a cost after the
// work is done and the memory allocated.
var guards = map[string]func(args []ref.Val) uint64{
	"indexOf":         searchCost,
	"lastIndexOf":     searchCost,
	"replace":         replaceCost,
	"join":            joinCost,
	"format":          formatCost,
	"sets.contains":   pairsCost,
	"sets.equivalent": pairsCost,
	"sets.intersects": pairsCost,
}

// searchCost is the cost of indexOf and lastIndexOf, known before the call: the length of
// the text times the length of the searched text, one unit for 100 comparisons.
func searchCost(args []ref.Val) uint64 { return valueSize(args[0]) * valueSize(args[1]) / 100 }

// pairsCost is the cost of comparing each element of a list with each of another.
func pairsCost(args []ref.Val) uint64 { return valueSize(args[0]) * valueSize(args[1]) }

// replaceCost is the cost of the text that replace returns.
func replaceCost(args []ref.Val) uint64 {
	text, _ := args[0].(types.String)
	old, _ := args[1].(types.String)
	replacement, _ := args[2].(types.String)
	return uint64(len(text)+strings.Count(string(text), string(old))*len(replacement)) / 10
}

func joinCost(args []ref.Val) uint64 {
	size := textsSize(args[0])
	if len(args) == 2 {
		delimiter, _ := args[1].(types.String)
		size += valueSize(args[0]) * uint64(len(delimiter))
	}
	return size / 10
}

func formatCost(args []ref.Val) uint64 { return (valueSize(args[0]) + textsSize(args[1])) / 10 }

// textsSize returns the total size of the texts in a list. It stops counting at the
// limit.
func textsSize(value ref.Val) (size uint64) {
	list, ok := value.(traits.Lister)
	if !ok {
		return 0
	}
	for i := range types.Int(valueSize(list)) {
		if text, ok := list.Get(i).(types.String); ok {
			size += uint64(len(text))
		}
		if size > 10*maxCost {
			return size
		}
	}
	return size
}

// guardFunctions puts the guards before their functions.
func guardFunctions(env *cel.Env) (*cel.Env, error) {
	for name, cost := range guards {
		function := env.Functions()[name]
		if function == nil {
			return nil, fmt.Errorf("CEL has no function %s", name)
		}
		var overloads []cel.FunctionOpt
		for _, overload := range function.OverloadDecls() {
			call, err := findBinding(function, overload.ID())
			if err != nil {
				return nil, err
			}
			overloads = append(overloads, guardOverload(overload, cost, call))
		}
		var err error
		if env, err = cel.Function(name, overloads...)(env); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// guardOverload redeclares an overload. The call is made only if its cost is within the
// limit.
func guardOverload(o *decls.OverloadDecl, cost func([]ref.Val) uint64, call func(...ref.Val) ref.Val) cel.FunctionOpt {
	guarded := func(args ...ref.Val) ref.Val {
		if cost(args) > maxCost {
			return errCost
		}
		return call(args...)
	}
	var binding cel.OverloadOpt
	switch len(o.ArgTypes()) {
	case 1:
		binding = cel.UnaryBinding(func(a ref.Val) ref.Val { return guarded(a) })
	case 2:
		binding = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return guarded(a, b) })
	default:
		binding = cel.FunctionBinding(guarded)
	}
	if o.IsMemberFunction() {
		return cel.MemberOverload(o.ID(), o.ArgTypes(), o.ResultType(), binding)
	}
	return cel.Overload(o.ID(), o.ArgTypes(), o.ResultType(), binding)
}

// findBinding returns the implementation of an overload.
func findBinding(function *decls.FunctionDecl, id string) (func(...ref.Val) ref.Val, error) {
	bindings, err := function.Bindings()
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		switch {
		case b.Operator != id:
		case b.Unary != nil:
			return func(args ...ref.Val) ref.Val { return b.Unary(args[0]) }, nil
		case b.Binary != nil:
			return func(args ...ref.Val) ref.Val { return b.Binary(args[0], args[1]) }, nil
		case b.Function != nil:
			return b.Function, nil
		}
	}
	return nil, fmt.Errorf("CEL's function %s has no implementation of %s", function.Name(), id)
}
