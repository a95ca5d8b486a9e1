package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// sampleRun returns two rounds of some scenarios, with values that grow by peer and round.
func sampleRun() *Run {
	run := &Run{
		Machine: Machine{CPU: "Some CPU", Cores: 2, Memory: "24 GiB", Kernel: "6.1", Go: "1.26", Node: "22.1"},
		Date:    "2026-01-02", Notes: []string{"A limit."},
	}
	add := func(scenario, name, peer string, round int, values map[string]float64) {
		run.Results = append(run.Results, Result{Scenario: scenario, Case: name, Peer: peer, Round: round, Values: values})
	}
	for round := 1; round <= 2; round++ {
		for i, peer := range []string{"caddy", "node", "raw"} {
			v := float64((i + 1) * round)
			add("ack", "50 clients", peer, round, map[string]float64{"rate": 12_345 * v, "cpu": 7 * v, "p50": v, "p99": 3 * v})
			for _, size := range []int{100, 1000, 5000, 10_000, 19_700} {
				add("fan-out", fmt.Sprintf("%d sockets, 8 in flight", size), peer, round, map[string]float64{"rate": 1e5 * v, "cpu": v + float64(size)/1e4, "p50": v * float64(size) / 1e3})
			}
			if peer != "raw" {
				for _, size := range []int{1000, 10_000} {
					add("idle", fmt.Sprintf("%d connections", size), peer, round, map[string]float64{"idle": 9000 * v, "empty": 6e7})
				}
			}
		}
	}
	return run
}

func TestPageAndPlotsAreGolden(t *testing.T) {
	dir := t.TempDir()
	if err := WritePage(filepath.Join(dir, "page.md"), sampleRun()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"page.md", "images/fan-out-cost.svg", "images/memory.svg"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", filepath.Base(name))
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs: go test ./report -update, and read the diff", golden)
		}
	}
}

// saveRuns saves runs and returns their files.
func saveRuns(t *testing.T, runs ...*Run) []string {
	t.Helper()
	var files []string
	for _, run := range runs {
		file := filepath.Join(t.TempDir(), "run.json")
		if err := run.Save(file); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func TestThreeRunsAreOnePage(t *testing.T) {
	var runs []*Run
	for i, rates := range [][2]float64{{300, 100}, {100, 50}, {200, 50}} {
		run := &Run{Date: fmt.Sprintf("2026-01-0%d", i+1)}
		for j, peer := range []string{"caddy", "node"} {
			run.Results = append(run.Results, result(peer, 1, false, rates[j]))
		}
		runs = append(runs, run)
	}
	// A disturbed round of the last run does not count beside the quiet ones.
	runs[2].Results = append(runs[2].Results, result("caddy", 2, true, 900), result("node", 2, true, 1))
	run, err := Merge(saveRuns(t, runs...))
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := WritePage(page, run); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| event with ack | 200 [100..300] | **3.00** [2.00..4.00] |\n",
		"\n| 50 clients | 200 [100..300] | 50.0 [50.0..100] |\n",
		"Measured from 2026-01-01 to 2026-01-03, in 4 rounds.\n",
		"Other processes disturbed 2 of 8 measurements",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in the page:\n%s", want, got)
		}
	}
}

func TestRunsOfOtherMachinesAreErrors(t *testing.T) {
	other := sampleRun()
	other.Machine.Cores = 64
	files := saveRuns(t, sampleRun(), other)
	if _, err := Merge(files); err == nil || !strings.Contains(err.Error(), files[1]) {
		t.Errorf("got %v, want an error with %s", err, files[1])
	}
}

func TestPlotsOfOneSizeHavePoints(t *testing.T) {
	results := []Result{{Scenario: "idle", Case: "1000 connections", Peer: "caddy", Round: 1, Values: map[string]float64{"idle": 0, "empty": 0}}}
	if plot := plotMemory(NewTable(results), results); !strings.Contains(plot, `<circle cx="640.0" cy="330.0"`) {
		t.Errorf("no point in %s", plot)
	}
	if plot := plotCost(NewTable(results), results); plot != "" {
		t.Errorf("got a plot without lines: %s", plot)
	}
}

func TestMergeNumbersRoundsOn(t *testing.T) {
	run, err := Merge(saveRuns(t, sampleRun(), sampleRun()))
	if err != nil {
		t.Fatal(err)
	}
	if got := NewTable(run.Results).Spread("ack", "50 clients", "caddy", "rate").Rounds; got != 4 {
		t.Errorf("got %d rounds, want 4", got)
	}
	if len(run.Notes) != 1 {
		t.Errorf("got the notes %q, want one", run.Notes)
	}
	if _, err := Merge([]string{"missing"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v, want an error with the file", err)
	}
}
