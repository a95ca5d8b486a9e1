// Package report keeps results, computes their medians and ratios, and writes them as a page
// with plots.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Result is one case of a scenario, measured once with one peer.
type Result struct {
	Scenario string             `json:"scenario"`
	Case     string             `json:"case"`
	Peer     string             `json:"peer"`
	Round    int                `json:"round"`
	Noisy    bool               `json:"noisy,omitempty"` // other work used too much CPU
	Values   map[string]float64 `json:"values"`
}

// Run is everything that one run of the benchmark has measured.
type Run struct {
	Machine Machine  `json:"machine"`
	Date    string   `json:"date"`
	Notes   []string `json:"notes,omitempty"` // limits that have reduced a scenario
	Results []Result `json:"results"`
}

// Save writes the run as JSON.
func (r *Run) Save(file string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// Merge reads runs and joins their rounds. Runs of different machines are an error: their
// values have no common median.
func Merge(files []string) (*Run, error) {
	merged := new(Run)
	rounds := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var run Run
		if err := json.Unmarshal(data, &run); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if merged.Date == "" {
			merged.Machine, merged.Date = run.Machine, run.Date
		}
		if run.Machine != merged.Machine {
			return nil, fmt.Errorf("read %s: measured on %+v, want %+v of %s", file, run.Machine, merged.Machine, files[0])
		}
		if first, _, _ := strings.Cut(merged.Date, " "); run.Date != first {
			merged.Date = first + " to " + run.Date
		}
		for _, note := range run.Notes {
			if !slices.Contains(merged.Notes, note) {
				merged.Notes = append(merged.Notes, note)
			}
		}
		last := rounds
		for _, result := range run.Results {
			result.Round += rounds
			last = max(last, result.Round)
			merged.Results = append(merged.Results, result)
		}
		rounds = last
	}
	return merged, nil
}
