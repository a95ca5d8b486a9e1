package hub

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/histogram"
)

// goHandler is the name of handlers that a Go program adds.
const goHandler = "go"

// handlerTimes has the durations of handlers, by their names. They continue over configs.
type handlerTimes struct {
	mu     sync.Mutex // guards byName; a leaf
	byName map[string]*histogram.Histogram
}

// histogramOf returns the durations of the handlers with a name.
func (t *handlerTimes) histogramOf(name string) *histogram.Histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byName == nil {
		t.byName = make(map[string]*histogram.Histogram)
	}
	if t.byName[name] == nil {
		t.byName[name] = histogram.New(histogram.Durations)
	}
	return t.byName[name]
}

// snapshot returns the durations of all handlers.
func (t *handlerTimes) snapshot() map[string]Histogram {
	t.mu.Lock()
	all := maps.Clone(t.byName)
	t.mu.Unlock()
	list := make(map[string]Histogram, len(all))
	for name, h := range all {
		list[name] = h.Snapshot()
	}
	return list
}

// timedHandler is a handler of a config with the durations of handlers of its name.
type timedHandler struct {
	Handler
	name  string
	times *histogram.Histogram
}

// joinNames returns the names of handlers, with spaces between them.
func joinNames(handlers []timedHandler) string {
	names := make([]string, len(handlers))
	for i, h := range handlers {
		names[i] = h.name
	}
	return strings.Join(names, " ")
}

// timeHandlers returns the handlers of a config with their durations.
func (h *Hub) timeHandlers(handlers []Handler, name func(Handler) string) []timedHandler {
	list := make([]timedHandler, len(handlers))
	for i, one := range handlers {
		label := goHandler
		if name != nil {
			label = name(one)
		}
		list[i] = timedHandler{one, label, h.handlerTimes.histogramOf(label)}
	}
	return list
}

// handleAt calls the handler, and counts its duration. began and ended are times of readClock:
// the next handler begins when this one has ended.
func (t *timedHandler) handleAt(ctx context.Context, ev *Event, began int64) (ended int64, err error) {
	err = t.Handler.HandleEvent(ctx, ev)
	ended = readClock()
	t.times.Observe(ended - began)
	return ended, err
}

// readAnyCounts reports whether one of the handlers reads counts, see [CountReader].
func readAnyCounts(handlers []timedHandler) bool {
	return slices.ContainsFunc(handlers, func(t timedHandler) bool { return readsCounts(t.Handler) })
}
