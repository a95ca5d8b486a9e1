package spawn_test

import (
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

func TestCallReportsPanic(t *testing.T) {
	t.Parallel()
	log, logs := newObservedLogger()
	ran := false
	if !spawn.Call(log, "quiet", func() { ran = true }, func() { t.Error("onPanic was called") }) || !ran {
		t.Error("a call without a panic is not true")
	}
	if logs.Len() != 0 {
		t.Errorf("it logged %v", logs.All())
	}

	cleaned := false
	if spawn.Call(log, "loud", panicBoom, func() { cleaned = true }) {
		t.Error("a call with a panic is true")
	}
	if !cleaned {
		t.Error("onPanic was not called")
	}
	assertPanicLogged(t, logs, "loud", "boom")
}

func TestCallRecoversPanicOfOnPanic(t *testing.T) {
	t.Parallel()
	log, logs := newObservedLogger()
	if spawn.Call(log, "loud", panicBoom, func() { panic(errors.New("again")) }) {
		t.Error("a call with a panic is true")
	}
	entries := logs.FilterField(zap.String("panic", "again")).All()
	if len(entries) != 1 || logs.Len() != 2 {
		t.Errorf("it logged %v", logs.All())
	}
}

func TestLoggerAndOnPanicMayBeNil(t *testing.T) {
	t.Parallel()
	if spawn.Call(nil, "loud", panicBoom, nil) {
		t.Error("a call with a panic is true")
	}
	done := make(chan struct{})
	spawn.Go(nil, "loud", panicBoom, func() { close(done) })
	<-done
	done = make(chan struct{})
	spawn.NewTask(nil, "loud", panicBoom, func() { close(done) }).Start()
	<-done
	done = make(chan struct{})
	spawn.NewTask(func() *zap.Logger { return nil }, "loud", panicBoom, func() { close(done) }).Start()
	<-done
}

func TestGoRecoversPanic(t *testing.T) {
	t.Parallel()
	log, logs := newObservedLogger()
	done := make(chan struct{})
	spawn.Go(log, "loud", panicBoom, func() { close(done) })
	<-done
	assertPanicLogged(t, logs, "loud", "boom")
}

func TestRecoverErrorReplacesError(t *testing.T) {
	log, logs := newObservedLogger()
	call := func(fn func()) (err error) {
		defer spawn.RecoverError(log, "loud", &err)
		fn()
		return nil
	}
	if err := call(func() {}); err != nil {
		t.Error(err)
	}
	if err := call(panicBoom); err == nil || err.Error() != "loud: panic: boom" {
		t.Error(err)
	}
	assertPanicLogged(t, logs, "loud", "boom")
	if n := testing.AllocsPerRun(100, func() { _ = call(func() {}) }); n > 0 {
		t.Errorf("a call without a panic makes %v allocations", n)
	}
}

func TestTaskStartsAgain(t *testing.T) {
	t.Parallel()
	log, logs := newObservedLogger()
	done := make(chan struct{})
	starts := 0
	task := spawn.NewTask(func() *zap.Logger { return log }, "flusher", func() {
		if starts++; starts == 2 {
			panicBoom()
		}
		done <- struct{}{}
	}, func() { done <- struct{}{} })
	for range 3 {
		task.Start()
		<-done
	}
	if starts != 3 {
		t.Errorf("it ran %d times", starts)
	}
	assertPanicLogged(t, logs, "flusher", "boom")
}

func TestTaskStartsWithoutAllocating(t *testing.T) {
	done := make(chan struct{})
	task := spawn.NewTask(nil, "flusher", func() { done <- struct{}{} }, nil)
	allocs := testing.AllocsPerRun(100, func() {
		task.Start()
		<-done
	})
	if allocs != 0 {
		t.Errorf("%v allocations a start", allocs)
	}
}

func BenchmarkGo(b *testing.B) {
	b.ReportAllocs()
	done := make(chan struct{})
	fn := func() { done <- struct{}{} }
	for b.Loop() {
		spawn.Go(nil, "bench", fn, nil)
		<-done
	}
}

func BenchmarkTask(b *testing.B) {
	b.ReportAllocs()
	done := make(chan struct{})
	task := spawn.NewTask(nil, "bench", func() { done <- struct{}{} }, nil)
	for b.Loop() {
		task.Start()
		<-done
	}
}

func panicBoom() { panic("boom") }

func newObservedLogger() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.ErrorLevel)
	return zap.New(core), logs
}

// assertPanicLogged checks that one panic was logged, with a stack that leads to it.
func assertPanicLogged(t *testing.T, logs *observer.ObservedLogs, name, value string) {
	t.Helper()
	entries := logs.FilterMessage("panic recovered").All()
	if len(entries) != 1 {
		t.Fatalf("it logged %v", logs.All())
	}
	fields := entries[0].ContextMap()
	if fields["name"] != name || fields["panic"] != value {
		t.Errorf("fields are %v", fields)
	}
	if stack, _ := fields["stack"].(string); !strings.Contains(stack, "spawn_test.panicBoom") {
		t.Errorf("the stack does not lead to the panic:\n%s", stack)
	}
}

func TestGoroutinesHaveLabels(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	wait := func() {
		started <- struct{}{}
		<-release
	}
	task := spawn.NewTask(nil, "labeled task", wait, nil)
	spawn.Go(nil, "labeled goroutine", wait, nil)
	task.Start()
	task.Start()
	spawn.Go(nil, "labeled twice", func() { spawn.Call(nil, "another name", wait, nil) }, nil)
	for range 4 {
		<-started
	}
	profile := goroutineProfile(t)
	for _, name := range []string{"labeled task", "labeled goroutine", "labeled twice"} {
		if label := fmt.Sprintf("{%q:%q}", spawn.LabelKey, name); !strings.Contains(profile, label) {
			t.Errorf("no goroutine has the label %s:\n%s", label, profile)
		}
	}
	if strings.Contains(profile, "another name") {
		t.Error("Call changes the label of its goroutine")
	}
}

// TestLabelsOfManyNames starts goroutines of more names than labels are kept for.
func TestLabelsOfManyNames(t *testing.T) {
	t.Parallel()
	const names = 300
	started, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	for i := range names {
		spawn.Go(nil, fmt.Sprint("name ", i), func() {
			started <- struct{}{}
			<-release
		}, nil)
		<-started
	}
	profile := goroutineProfile(t)
	for i := range names {
		if label := fmt.Sprintf("{%q:%q}", spawn.LabelKey, fmt.Sprint("name ", i)); !strings.Contains(profile, label) {
			t.Errorf("no goroutine has the label %s", label)
		}
	}
}

// goroutineProfile returns the goroutine profile as text.
func goroutineProfile(t *testing.T) string {
	t.Helper()
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	return profile.String()
}
