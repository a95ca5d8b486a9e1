package spawn

// Stack sizes for [GrowStack].
type (
	// Stack4K is room for the handlers of one event.
	Stack4K [4 << 10]byte
	// Stack12K is room for one HTTP request of Go's client.
	Stack12K [12 << 10]byte
)

// stackIndex is not a constant, so that the compiler keeps the array of GrowStack.
var stackIndex int

// GrowStack grows the stack of a goroutine that has just started to room for S, in
// one step. Without it the runtime doubles the stack several times, deep in the
// calls of a function that needs more. Each time it copies all frames, which costs
// as much as the whole work of a short function. The result means nothing.
//
//go:noinline
func GrowStack[S Stack4K | Stack12K]() byte {
	var stack S
	return stack[stackIndex]
}
