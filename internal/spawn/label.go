package spawn

import (
	"context"
	"maps"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// LabelKey is the key of the profiler label that each goroutine of [Go] and [Task]
// has; the value is the goroutine's name. To see only the goroutines of one name in
// a profile: go tool pprof -tagfocus=socketio=pump.
const LabelKey = "socketio"

// maxLabels is how many labels are kept. Names are constants, perhaps with the name
// of an adapter, so there are a few dozen.
const maxLabels = 256

var (
	labelsMu sync.Mutex                                 // guards changes of labels; a leaf
	labels   atomic.Pointer[map[string]context.Context] // replaced whole
)

// labelFor returns a context with the profiler label for name. It allocates only for
// the first goroutine of a name, so that a label costs a start nothing.
func labelFor(name string) context.Context {
	if known := labels.Load(); known != nil {
		if label, ok := (*known)[name]; ok {
			return label
		}
	}
	label := pprof.WithLabels(context.Background(), pprof.Labels(LabelKey, name))
	labelsMu.Lock()
	defer labelsMu.Unlock()
	more := make(map[string]context.Context)
	if known := labels.Load(); known != nil {
		if len(*known) >= maxLabels {
			return label
		}
		maps.Copy(more, *known)
	}
	more[name] = label
	labels.Store(&more)
	return label
}
