// Command guard compares benchmarks of hot paths with a file: allocations exactly, or within
// 3 % where they are many, and times as multiples of a calibration loop in the same run, so
// that the file holds on other machines too.
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

// attempts is how often a slow benchmark is measured, as other processes may disturb it. All
// benchmarks have their turn before the slow ones are measured again.
const attempts = 5

// measurement is the result of all attempts of one benchmark so far. The fastest run and the
// fastest calibration count, each by itself: other processes can only slow them down, and the
// smallest ratio would be of a run whose calibration was slowed down.
type measurement struct {
	want        row
	allocs      int
	nanoseconds float64
	unit        float64 // of the calibration loop
}

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
	list := make([]*measurement, len(rows))
	for i, want := range rows {
		list[i] = &measurement{want: want, allocs: math.MaxInt, nanoseconds: math.Inf(1), unit: math.Inf(1)}
	}
	for attempt := range attempts {
		for _, m := range list {
			if attempt > 0 && !update && compareRows(m.want, m.bestRow(), tolerance) == nil {
				continue
			}
			if err := m.runOnce(root); err != nil {
				return err
			}
			got := m.bestRow()
			fmt.Printf("%-40s %4d allocations, time %8.2f (%.2f of the file's)\n", got.pkg+" "+got.benchmark, got.allocs, got.time, got.time/m.want.time)
		}
	}
	var failures []error
	for i, m := range list {
		rows[i] = m.bestRow()
		if err := compareRows(m.want, rows[i], tolerance); err != nil {
			failures = append(failures, err)
		}
	}
	if update {
		return os.WriteFile(file, []byte(formatRows(comments, rows)), 0o644)
	}
	if len(failures) > 0 {
		failures = append(failures, errors.New("if that is meant: make bench-guard UPDATE=1 (times need a machine without other work)"))
	}
	return errors.Join(failures...)
}

// runOnce runs the benchmark once, with the calibration loop before and after.
func (m *measurement) runOnce(root string) error {
	m.unit = min(m.unit, calibrate())
	output, err := runBenchmark(m.want, root)
	if err != nil {
		return err
	}
	m.unit = min(m.unit, calibrate())
	nanoseconds, allocs, err := parseOutput(output)
	if err != nil {
		return fmt.Errorf("%s %s: %w", m.want.pkg, m.want.benchmark, err)
	}
	m.nanoseconds, m.allocs = min(m.nanoseconds, nanoseconds), min(m.allocs, allocs)
	return nil
}

// bestRow returns the row of the attempts so far.
func (m *measurement) bestRow() row {
	return row{pkg: m.want.pkg, benchmark: m.want.benchmark, allocs: m.allocs, time: m.nanoseconds / m.unit}
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
