package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Print writes the medians of a run as text, a case a line.
func Print(w io.Writer, run *Run) {
	t := NewTable(run.Results)
	var seen []string
	for _, r := range run.Results {
		key := r.Scenario + "\t" + r.Case + "\t" + r.Peer
		if slices.Contains(seen, key) {
			continue
		}
		seen = append(seen, key)
		fmt.Fprintf(w, "%-12s %-32s %-11s", r.Scenario, r.Case, r.Peer)
		for _, name := range slices.Sorted(mapsKeys(r.Values)) {
			s := t.Spread(r.Scenario, r.Case, r.Peer, name)
			fmt.Fprintf(w, " %s %s", name, formatSpread(s))
		}
		fmt.Fprintln(w)
	}
	for _, note := range run.Notes {
		fmt.Fprintln(w, note)
	}
}

// mapsKeys yields the names of values.
func mapsKeys(values map[string]float64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}
}

// formatSpread returns "median [min..max]", and the median alone for one round.
func formatSpread(s Spread) string {
	if s.Rounds < 2 {
		return formatNumber(s.Median)
	}
	return fmt.Sprintf("%s [%s..%s]", formatNumber(s.Median), formatNumber(s.Min), formatNumber(s.Max))
}

// formatNumber returns a number with three digits that count, and commas in thousands.
func formatNumber(v float64) string {
	switch {
	case v >= 100:
		return groupThousands(fmt.Sprintf("%.0f", v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func groupThousands(digits string) string {
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}
