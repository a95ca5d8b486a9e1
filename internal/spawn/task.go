package spawn

import "go.uber.org/zap"

// Task is a function that is started on a goroutine again and again, each
// start without an allocation: what a flusher needs that comes and goes with
// the bytes to write. It is safe for concurrent use.
type Task struct {
	log     func() *zap.Logger
	name    string
	fn      func()
	onPanic func()

	// run is the bound method value. A go statement whose call has no
	// arguments takes it as it is; any other call makes a closure.
	run func()
}

// NewTask returns the task that runs fn as [Call] does. The logger is asked of
// log when there is a panic to log, so that a task may outlive a logger; a nil
// log, like a nil logger, logs nothing.
func NewTask(log func() *zap.Logger, name string, fn func(), onPanic func()) *Task {
	t := &Task{log: log, name: name, fn: fn, onPanic: onPanic}
	t.run = t.runRecovered
	return t
}

// Start runs the task's function on a goroutine of its own. It does not look
// whether an earlier start still runs: that is the owner's to know.
func (t *Task) Start() { go t.run() }

func (t *Task) runRecovered() {
	defer func() {
		if value := recover(); value != nil {
			logPanic(t.currentLogger(), t.name, value, t.onPanic)
		}
	}()
	t.fn()
}

func (t *Task) currentLogger() *zap.Logger {
	if t.log == nil {
		return nil
	}
	return t.log()
}
