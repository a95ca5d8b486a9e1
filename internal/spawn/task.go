package spawn

import (
	"context"
	"runtime/pprof"

	"go.uber.org/zap"
)

// Task is a function that runs on a goroutine many times, each start without an
// allocation. A flusher, which starts whenever there are bytes to write, is one. A
// Task is safe for concurrent use.
type Task struct {
	// Static after construction.
	log     func() *zap.Logger
	name    string
	label   context.Context // with the profiler label
	fn      func()
	onPanic func()

	// run is the bound method value of runRecovered. A go statement takes it as it
	// is, because the call has no arguments; any other call allocates a closure.
	run func()
}

// NewTask returns the task that runs fn, with name as its profiler label and with
// panics recovered and logged as by [Call]. The task calls log when there is a
// panic to log, so a task may outlive a logger. A nil log, like a nil logger, logs
// nothing.
func NewTask(log func() *zap.Logger, name string, fn func(), onPanic func()) *Task {
	t := &Task{log: log, name: name, label: labelFor(name), fn: fn, onPanic: onPanic}
	t.run = t.runRecovered
	return t
}

// Start runs the task's function on a goroutine of its own. Start does not prevent
// two runs at the same time; the owner of the task does.
func (t *Task) Start() { go t.run() }

// runRecovered runs the task's function, and logs its panic.
func (t *Task) runRecovered() {
	defer func() {
		if value := recover(); value != nil {
			LogPanic(t.currentLogger(), t.name, value, t.onPanic)
		}
	}()
	pprof.SetGoroutineLabels(t.label)
	t.fn()
}

// currentLogger returns the logger to use now, or nil.
func (t *Task) currentLogger() *zap.Logger {
	if t.log == nil {
		return nil
	}
	return t.log()
}
