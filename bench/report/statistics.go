package report

import (
	"math"
	"slices"
)

// Spread is the median of several rounds with the smallest and the largest value.
type Spread struct {
	Median, Min, Max float64
	Rounds           int
}

// NewSpread returns the spread of values. Its Rounds are 0 without values.
func NewSpread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], Rounds: n}
}

// Table is the results of a run, for lookups.
type Table struct {
	values map[valueKey]map[int]float64 // by round
}

type valueKey struct{ scenario, name, peer, value string }

// NewTable returns the results as a table. Noisy rounds are left out where a case has a quiet
// one.
func NewTable(results []Result) *Table {
	t := &Table{values: make(map[valueKey]map[int]float64)}
	quiet := make(map[[2]string]bool)
	for _, r := range results {
		quiet[[2]string{r.Scenario, r.Case}] = quiet[[2]string{r.Scenario, r.Case}] || !r.Noisy
	}
	for _, r := range results {
		if r.Noisy && quiet[[2]string{r.Scenario, r.Case}] {
			continue
		}
		for name, value := range r.Values {
			key := valueKey{r.Scenario, r.Case, r.Peer, name}
			if t.values[key] == nil {
				t.values[key] = make(map[int]float64)
			}
			t.values[key][r.Round] = value
		}
	}
	return t
}

// Spread returns the spread of one value.
func (t *Table) Spread(scenario, name, peer, value string) Spread {
	var values []float64
	for _, v := range t.values[valueKey{scenario, name, peer, value}] {
		values = append(values, v)
	}
	return NewSpread(values)
}

// Ratio returns the spread of a value of one peer, divided by the same value of another peer
// in the same round.
func (t *Table) Ratio(scenario, name, value, peer, other string) Spread {
	var ratios []float64
	others := t.values[valueKey{scenario, name, other, value}]
	for round, v := range t.values[valueKey{scenario, name, peer, value}] {
		if o := others[round]; o != 0 && !math.IsNaN(v) {
			ratios = append(ratios, v/o)
		}
	}
	return NewSpread(ratios)
}
