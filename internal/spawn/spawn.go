// Package spawn is the one place where goroutines begin. A panic that nobody
// recovers on a goroutine ends the whole process, so each of them starts here:
// with a name, with its panic caught and logged, and with a last chance for its
// owner to put things in order.
//
// The package knows nothing of when a goroutine ends. Whoever calls [Go] or
// [Task.Start] owns the goroutine, and says at the call when it ends.
package spawn

import (
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"
)

// Go runs fn on a goroutine of its own, as [Call] does.
//
// For a goroutine that is started again and again, a [Task] does without Go's
// allocation.
func Go(log *zap.Logger, name string, fn func(), onPanic func()) {
	go Call(log, name, fn, onPanic)
}

// Call runs fn on the caller's goroutine and reports whether it returned
// without a panic.
//
// A panic of fn is logged at the error level as "panic recovered", with the
// fields name, panic (its value as text) and stack; then onPanic is called,
// under the same protection. A nil log logs nothing, a nil onPanic is not
// called.
func Call(log *zap.Logger, name string, fn func(), onPanic func()) bool {
	defer func() {
		if value := recover(); value != nil {
			logPanic(log, name, value, onPanic)
		}
	}()
	fn()
	return true
}

// logPanic runs while the panic's frames are still on the stack, which is how
// the stack that it logs shows where the panic came from.
func logPanic(log *zap.Logger, name string, value any, onPanic func()) {
	if log != nil {
		log.Error("panic recovered",
			zap.String("name", name),
			zap.String("panic", fmt.Sprint(value)),
			zap.ByteString("stack", debug.Stack()))
	}
	if onPanic != nil {
		Call(log, name, onPanic, nil)
	}
}
