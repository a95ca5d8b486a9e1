// Package spawn starts every goroutine of the module. A panic that no deferred
// function recovers ends the whole process, so each goroutine starts here: with a
// name, with its panic recovered and logged, and with a callback by which its owner
// restores order after a panic.
//
// The name is also a profiler label, see [LabelKey], so that CPU and goroutine
// profiles tell the goroutines apart.
//
// The package does not know when a goroutine ends. The caller of [Go] or
// [Task.Start] owns the goroutine, and documents at the call when it ends.
package spawn

import (
	"fmt"
	"runtime/debug"
	"runtime/pprof"

	"go.uber.org/zap"
)

// Go runs fn on a goroutine of its own. The goroutine has name as its profiler
// label; a panic is recovered and logged as by [Call].
//
// Go allocates a closure. A [Task] starts the same function many times without an
// allocation.
func Go(log *zap.Logger, name string, fn func(), onPanic func()) {
	label := labelFor(name)
	go func() {
		pprof.SetGoroutineLabels(label)
		Call(log, name, fn, onPanic)
	}()
}

// Call runs fn on the caller's goroutine, whose profiler labels stay as they are.
// It reports whether fn returned without a panic.
//
// A panic of fn is logged at the error level as "panic recovered", with the fields
// name, panic (its value as text) and stack. Then Call runs onPanic, and recovers
// and logs its panic likewise. A nil log logs nothing, a nil onPanic is not called.
func Call(log *zap.Logger, name string, fn func(), onPanic func()) bool {
	defer func() {
		if value := recover(); value != nil {
			LogPanic(log, name, value, onPanic)
		}
	}()
	fn()
	return true
}

// RecoverError is for a defer statement. It logs a panic as [Call] does, and replaces *err by
// an error that names the function that panicked. Without a panic it changes nothing. Unlike
// Call, it needs no closure, so that frequent calls of foreign code do not allocate.
func RecoverError(log *zap.Logger, name string, err *error) {
	if value := recover(); value != nil {
		LogPanic(log, name, value, nil)
		*err = fmt.Errorf("%s: panic: %v", name, value)
	}
}

// LogPanic logs a recovered panic and calls onPanic, as [Call] does. The caller is the
// deferred function that recovered: the frames of the panic are still on the stack then, so
// the logged stack leads to its origin. Functions that run often call it: the closure of
// onPanic is made after a panic only.
func LogPanic(log *zap.Logger, name string, value any, onPanic func()) {
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
