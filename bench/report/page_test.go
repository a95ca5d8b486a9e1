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
			for _, size := range []int{100, 1000, 10_000} {
				add("fan-out", fmt.Sprintf("%d sockets, 8 in flight", size), peer, round, map[string]float64{"rate": 1e5 * v, "cpu": v + float64(size)/1e4})
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

func TestMergeNumbersRoundsOn(t *testing.T) {
	var files []string
	for range 2 {
		file := filepath.Join(t.TempDir(), "run.json")
		if err := sampleRun().Save(file); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	run, err := Merge(files)
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
