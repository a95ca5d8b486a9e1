package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Print writes the medians of a run as text, a line for each case and peer.
func Print(w io.Writer, run *Run) {
	t := NewTable(run.Results)
	seen := make(map[[3]string]bool)
	for _, r := range run.Results {
		key := [3]string{r.Scenario, r.Case, r.Peer}
		if seen[key] {
			continue
		}
		seen[key] = true
		fmt.Fprintf(w, "%-10s %-30s %-10s", r.Scenario, groupDigits(r.Case), r.Peer)
		for _, name := range slices.Sorted(maps.Keys(r.Values)) {
			fmt.Fprintf(w, "  %s %s", name, formatSpread(t.Spread(r.Scenario, r.Case, r.Peer, name)))
		}
		fmt.Fprintln(w)
	}
	for _, note := range run.Notes {
		fmt.Fprintln(w, groupDigits(note))
	}
}
