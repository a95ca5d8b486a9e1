package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample holds the values of the server at one time.
type sample struct {
	At     time.Duration // since the start of the run
	Calm   bool          // taken after garbage collections, with the residents alone
	Values map[string]float64
	Sites  map[string]float64 // bytes in use by the functions that allocated them, of a calm
}

// The names of values.
const (
	valueHeap        = "heap bytes"
	valueObjects     = "heap objects"
	valueStacks      = "stack bytes"
	valueResident    = "resident bytes"
	valueGoroutines  = "goroutines"
	valueDescriptors = "descriptors"
	valueTimers      = "timers"
	valueMaps        = "map bytes"
	valueRooms       = "rooms"
	valueSockets     = "sockets"
	valueConnections = "connections"
)

// takeSample reads the values. With calm it collects garbage before.
func (s *server) takeSample(ctx context.Context, at time.Duration, calm bool) (sample, error) {
	one := sample{At: at, Calm: calm, Values: make(map[string]float64)}
	if calm {
		for range 2 { // pools are empty after two collections
			if _, err := s.readAdmin(ctx, "/debug/pprof/heap?gc=1"); err != nil {
				return one, err
			}
		}
		text, err := s.readAdmin(ctx, "/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			return one, err
		}
		one.Sites = s.parseHeap(text, one.Values)
	}
	text, err := s.readAdmin(ctx, "/metrics")
	if err != nil {
		return one, err
	}
	parseMetrics(text, calm, one.Values)
	pid := s.cmd.Process.Pid
	if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		one.Values[valueDescriptors] = float64(len(entries))
	}
	return one, nil
}

// readAdmin gets a page of the admin endpoint.
func (s *server) readAdmin(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := httpClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return string(text), err
}

// metricValues maps metrics to values. The heap of a calm comes from the heap profile.
var metricValues = map[string]string{
	"go_goroutines":                 valueGoroutines,
	"go_memstats_heap_alloc_bytes":  valueHeap,
	"go_memstats_heap_objects":      valueObjects,
	"go_memstats_stack_inuse_bytes": valueStacks,
	"process_resident_memory_bytes": valueResident,
	"caddy_socketio_rooms":          valueRooms,
	"caddy_socketio_sockets":        valueSockets,
	"caddy_socketio_connections":    valueConnections,
}

// parseMetrics adds up the series of metrics.
func parseMetrics(text string, calm bool, values map[string]float64) {
	for line := range strings.Lines(text) {
		series, number, found := strings.Cut(strings.TrimSpace(line), "} ")
		name, _, _ := strings.Cut(series, "{")
		if !found {
			name, number, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		value := metricValues[name]
		if value == "" || calm && (value == valueHeap || value == valueObjects) {
			continue
		}
		n, _ := strconv.ParseFloat(number, 64)
		values[value] += n
	}
}

var recordLine = regexp.MustCompile(`^(\d+): (\d+) \[\d+: \d+\] @(.*)`)

// profileRate is the number of bytes that the heap profile takes one sample of.
const profileRate = 512

// parseHeap reads a heap profile in text form: the exact totals at its end, and from its samples
// the bytes of maps, the number of timers, and the bytes of each allocating function.
func (s *server) parseHeap(text string, values map[string]float64) map[string]float64 {
	sites := make(map[string]float64)
	values[valueTimers], values[valueMaps] = 0, 0
	for line := range strings.Lines(text) {
		if m := recordLine.FindStringSubmatch(line); m != nil {
			objects, _ := strconv.ParseFloat(m[1], 64)
			size, _ := strconv.ParseFloat(m[2], 64)
			if objects == 0 {
				continue
			}
			scale := 1 / (1 - math.Exp(-size/objects/profileRate))
			stack := s.symbols.nameStack(m[3])
			sites[nameSite(stack)] += size * scale
			if slices.ContainsFunc(stack[:min(len(stack), 3)], isTimer) {
				values[valueTimers] += objects * scale
			}
			if slices.ContainsFunc(stack[:min(len(stack), 4)], isMap) {
				values[valueMaps] += size * scale
			}
			continue
		}
		name, number, _ := strings.Cut(strings.TrimPrefix(line, "# "), " = ")
		n, _ := strconv.ParseFloat(strings.TrimSpace(number), 64)
		switch name {
		case "HeapAlloc":
			values[valueHeap] = n
		case "HeapObjects":
			values[valueObjects] = n
		}
	}
	return sites
}

// nameSite returns the first functions of a stack that are not the runtime's.
func nameSite(stack []string) string {
	own := slices.DeleteFunc(slices.Clone(stack), func(name string) bool {
		return strings.HasPrefix(name, "runtime.") || isMap(name)
	})
	return strings.Join(own[:min(len(own), 4)], " < ")
}

func isTimer(name string) bool {
	return name == "time.NewTimer" || name == "time.AfterFunc" || name == "time.newTimer" || name == "time.NewTicker"
}

func isMap(name string) bool { return strings.HasPrefix(name, "internal/runtime/maps.") }
