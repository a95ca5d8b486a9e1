package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// row is one benchmark with its values.
type row struct {
	pkg, benchmark string
	allocs         int     // for each operation
	time           float64 // of one operation, in passes of the calibration loop
}

// parseRows reads a file: comments, then a line "package benchmark allocations time" for each
// benchmark.
func parseRows(text string) (comments string, rows []row, err error) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			comments += line
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return "", nil, fmt.Errorf("line %q: want a package, a benchmark, allocations and a time", line)
		}
		r := row{pkg: fields[0], benchmark: fields[1]}
		var errAllocs, errTime error
		r.allocs, errAllocs = strconv.Atoi(fields[2])
		r.time, errTime = strconv.ParseFloat(fields[3], 64)
		if err := errors.Join(errAllocs, errTime); err != nil {
			return "", nil, fmt.Errorf("line %q: %w", line, err)
		}
		rows = append(rows, r)
	}
	return comments, rows, nil
}

// formatRows returns the text of a file.
func formatRows(comments string, rows []row) string {
	var b strings.Builder
	b.WriteString(comments)
	for _, r := range rows {
		fmt.Fprintf(&b, "%-40s %-24s %4d %10.2f\n", r.pkg, r.benchmark, r.allocs, r.time)
	}
	return b.String()
}

// allocsPerSlack is the number of allocations of which one may differ: a pool that a garbage
// collection has emptied allocates again. Below it, allocations are compared exactly.
const allocsPerSlack = 30

// compareRows returns an error for other allocations, fewer ones too, and for a longer time.
func compareRows(want, got row, tolerance float64) error {
	name := want.pkg + " " + want.benchmark
	switch {
	case max(got.allocs-want.allocs, want.allocs-got.allocs) > want.allocs/allocsPerSlack:
		return fmt.Errorf("%s: %d allocations, want %d", name, got.allocs, want.allocs)
	case got.time > want.time*tolerance:
		return fmt.Errorf("%s: takes %.2f passes of the calibration loop, want at most %.1f times %.2f", name, got.time, tolerance, want.time)
	}
	return nil
}

// parseOutput returns the shortest time and the fewest allocations in the output of "go test
// -bench -benchmem".
func parseOutput(output string) (nanoseconds float64, allocs int, err error) {
	nanoseconds, allocs = math.Inf(1), math.MaxInt
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		for i := 1; i < len(fields); i++ {
			switch fields[i] {
			case "ns/op":
				if v, err := strconv.ParseFloat(fields[i-1], 64); err == nil {
					nanoseconds = min(nanoseconds, v)
				}
			case "allocs/op":
				if v, err := strconv.Atoi(fields[i-1]); err == nil {
					allocs = min(allocs, v)
				}
			}
		}
	}
	if allocs == math.MaxInt || math.IsInf(nanoseconds, 1) {
		return 0, 0, fmt.Errorf("no result in %q", output)
	}
	return nanoseconds, allocs, nil
}
