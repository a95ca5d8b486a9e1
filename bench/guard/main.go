// Command guard compares benchmarks of hot paths with a file: allocations exactly, and
// times as multiples of a calibration loop in the same run, so that the file holds on other
// machines too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
)

func main() {
	file := flag.String("file", "guard.txt", "file with the expected values")
	root := flag.String("root", "..", "folder of the product")
	update := flag.Bool("update", false, "write the measured values into the file")
	tolerance := flag.Float64("tolerance", 1.5, "a time that is longer by this factor is a failure")
	flag.Parse()
	if err := guardFile(*file, *root, *update, *tolerance); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

// attempts is how often a slow benchmark is measured, as other processes may disturb it.
const attempts = 5

// guardFile measures the benchmarks of a file, and compares or replaces its values.
func guardFile(file, root string, update bool, tolerance float64) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	comments, rows, err := parseRows(string(data))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var failures []error
	for i, want := range rows {
		got, err := measureRow(want, root, tolerance)
		if err != nil {
			return err
		}
		fmt.Printf("%-40s %4d allocations, time %8.2f (%.2f of the file's)\n", got.pkg+" "+got.benchmark, got.allocs, got.time, got.time/want.time)
		if err := compareRows(want, got, tolerance); err != nil {
			failures = append(failures, err)
		}
		rows[i] = got
	}
	if update {
		return os.WriteFile(file, []byte(formatRows(comments, rows)), 0o644)
	}
	if len(failures) > 0 {
		failures = append(failures, errors.New("if that is meant: make bench-guard UPDATE=1"))
	}
	return errors.Join(failures...)
}

// measureRow runs the benchmark of a row, again while it is too slow, with the calibration loop
// before and after. The fastest of all runs and the fastest calibration count, each by itself:
// other processes can only slow them down, and the smallest ratio would be of a run whose
// calibration was slowed down.
func measureRow(want row, root string, tolerance float64) (row, error) {
	got := want
	unit, fastest := calibrate(), math.Inf(1)
	for attempt := range attempts {
		output, err := runBenchmark(want, root)
		if err != nil {
			return row{}, err
		}
		nanoseconds, allocs, err := parseOutput(output)
		if err != nil {
			return row{}, fmt.Errorf("%s %s: %w", want.pkg, want.benchmark, err)
		}
		if attempt == 0 || allocs < got.allocs {
			got.allocs = allocs
		}
		unit, fastest = min(unit, calibrate()), min(fastest, nanoseconds)
		got.time = fastest / unit
		if compareRows(want, got, tolerance) == nil {
			break
		}
	}
	return got, nil
}

// runBenchmark returns the output of ten short runs of one benchmark: a short one is more often
// without a pause by other processes.
func runBenchmark(r row, root string) (string, error) {
	parts := strings.Split(r.benchmark, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", strings.Join(parts, "/"), "-benchmem", "-benchtime", "50ms", "-count", "10", r.pkg)
	cmd.Dir = root
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test %s: %w\n%s", r.pkg, err, output)
	}
	return string(output), nil
}
