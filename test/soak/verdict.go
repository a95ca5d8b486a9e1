package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// growthLimit is the growth of a value that is still noise: an amount, or a share of its median.
type growthLimit struct {
	value  string
	amount float64
	share  float64
}

// growthLimits lists the values that must not grow. Resident memory is only shown: it depends on
// when the runtime returns pages.
var growthLimits = []growthLimit{
	{valueHeap, 1 << 20, 0.05},
	{valueObjects, 5000, 0.05},
	{valueStacks, 1 << 20, 0.1},
	{valueGoroutines, 6, 0},
	{valueDescriptors, 6, 0},
	{valueTimers, 20, 0.1},
	{valueMaps, 128 << 10, 0.1},
	{valueRooms, 0, 0},
	{valueSockets, 0, 0},
	{valueConnections, 0, 0},
}

// minCalms is the number of calms after the settle phase that growth is judged by.
const minCalms = 4

// settleShare is the part of the run in which caches and pools fill.
const settleShare = 0.1

// growth is the slope of a value over the settled part of a run.
type growth struct {
	growthLimit
	first, last, median float64
	grown               float64 // by the slope, from the first to the last sample
	limit               float64
	judged              bool
}

// failed returns whether the value has grown.
func (g growth) failed() bool { return g.judged && g.grown > g.limit }

// measureGrowth returns the growth of each value.
func measureGrowth(samples []sample, length time.Duration) (list []growth) {
	var settled []sample
	for _, one := range samples {
		if one.Calm && one.At >= time.Duration(float64(length)*settleShare) {
			settled = append(settled, one)
		}
	}
	for _, limit := range growthLimits {
		g := growth{growthLimit: limit, judged: len(settled) >= minCalms}
		if len(settled) > 0 {
			values := make([]float64, len(settled))
			for i, one := range settled {
				values[i] = one.Values[limit.value]
			}
			g.first, g.last = values[0], values[len(values)-1]
			g.median = findMedian(slices.Clone(values))
			g.grown = findSlope(settled, values) * (settled[len(settled)-1].At - settled[0].At).Hours()
			g.limit = max(limit.amount, limit.share*g.median)
		}
		list = append(list, g)
	}
	return list
}

// findSlope returns the median of the slopes between all pairs of samples, an hour. A few wild
// samples do not change it.
func findSlope(samples []sample, values []float64) float64 {
	var slopes []float64
	for i := range samples {
		for j := i + 1; j < len(samples); j++ {
			if hours := (samples[j].At - samples[i].At).Hours(); hours > 0 {
				slopes = append(slopes, (values[j]-values[i])/hours)
			}
		}
	}
	return findMedian(slopes)
}

// findMedian sorts the values.
func findMedian(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// formatTable returns the table of a run: a line for each calm, the growth of each value, and the
// outcomes.
func (s *soak) formatTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8s", "time")
	for _, limit := range growthLimits {
		fmt.Fprintf(&b, " %12s", limit.value)
	}
	fmt.Fprintf(&b, " %14s\n", valueResident)
	for _, one := range s.samples {
		if !one.Calm {
			continue
		}
		fmt.Fprintf(&b, "%8s", one.At.Round(time.Second))
		for _, limit := range growthLimits {
			fmt.Fprintf(&b, " %12.0f", one.Values[limit.value])
		}
		fmt.Fprintf(&b, " %14.0f\n", one.Values[valueResident])
	}
	fmt.Fprintf(&b, "\n%-16s %12s %12s %12s %12s\n", "", "first", "last", "growth", "limit")
	for _, g := range measureGrowth(s.samples, s.length) {
		verdict := "ok"
		switch {
		case !g.judged:
			verdict = "not judged: too few calms"
		case g.failed():
			verdict = "GROWS"
		}
		fmt.Fprintf(&b, "%-16s %12.0f %12.0f %12.0f %12.0f  %s\n", g.value, g.first, g.last, g.grown, g.limit, verdict)
	}
	b.WriteByte('\n')
	for _, row := range s.listOutcomes() {
		mark := ""
		if row.fault && row.count > 0 {
			mark = "  FAULT"
		}
		fmt.Fprintf(&b, "%-44s %12d%s\n", row.name, row.count, mark)
	}
	if list := s.listAllComplaints(); len(list) > 0 {
		b.WriteString("\n" + strings.Join(list, "\n") + "\n")
	}
	return b.String()
}

// outcome is a row of the second table.
type outcome struct {
	name  string
	count int64
	fault bool // must be 0
}

// listOutcomes adds up the counts of all clients.
func (s *soak) listOutcomes() []outcome {
	l, o := &s.ledger, s.official.lastReport()
	return []outcome{
		{"messages delivered", l.delivered.Load() + o.Delivered, false},
		{"messages lost", l.lost.Load() + o.Lost, true},
		{"messages repeated or out of order", l.repeated.Load() + o.Repeated, true},
		{"messages and acknowledgements corrupted", l.corrupted.Load() + o.Corrupted, true},
		{"acknowledgements", l.acks.Load() + o.Acks, false},
		{"acknowledgements missing", l.lateAcks.Load() + o.LateAcks, true},
		{"acknowledgements of broadcasts", l.broadcastAcks.Load(), false},
		{"connections of residents lost", l.drops.Load() + o.Drops, true},
		{"replies of the backend", l.backendReplies.Load(), false},
		{"failures of the backend", l.backendErrors.Load(), false},
		{"connections of visitors and storms", l.handshakes.Load(), false},
		{"of these not connected", l.refused.Load(), false},
		{"slow readers closed", l.slow.Load(), false},
		{"sockets recovered", o.Recovered, false},
		{"sockets not recovered", o.Others, false},
		{"reloads", l.reloads.Load(), false},
		{"reloads refused", l.badReloads.Load(), false},
	}
}

// listAllComplaints returns the descriptions of faults.
func (s *soak) listAllComplaints() []string {
	return append(s.ledger.listComplaints(), s.official.lastReport().Complaints...)
}

// listFaults returns the reasons to fail the run.
func (s *soak) listFaults() (faults []string) {
	for _, row := range s.listOutcomes() {
		if row.fault && row.count > 0 {
			faults = append(faults, fmt.Sprintf("%s: %d", row.name, row.count))
		}
	}
	for _, g := range measureGrowth(s.samples, s.length) {
		if g.failed() {
			faults = append(faults, fmt.Sprintf("%s grew by %.0f in the settled part, from %.0f to %.0f; the limit is %.0f", g.value, g.grown, g.first, g.last, g.limit))
		}
	}
	return append(faults, s.faults...)
}

// listGrowingSites returns the functions whose allocations in use grew most between the second
// calm and the last one.
func (s *soak) listGrowingSites() string {
	var calms []sample
	for _, one := range s.samples {
		if one.Calm {
			calms = append(calms, one)
		}
	}
	if len(calms) < 3 {
		return ""
	}
	first, last := calms[1].Sites, calms[len(calms)-1].Sites
	names := slices.SortedFunc(maps.Keys(last), func(a, b string) int { return cmp.Compare(last[b]-first[b], last[a]-first[a]) })
	var b strings.Builder
	for _, name := range names[:min(len(names), 15)] {
		fmt.Fprintf(&b, "%+10.0f bytes  %s\n", last[name]-first[name], name)
	}
	return b.String()
}
