package roster

import (
	"container/heap"
	"slices"
	"time"
)

// departure is the time at which an absent member leaves, unless it returned.
type departure struct {
	at        time.Time
	room, key string
}

// departures are a heap, the earliest first.
type departures []departure

// addDeparture adds a departure.
func (d *departures) addDeparture(one departure) { heap.Push((*departureHeap)(d), one) }

// popEarliest removes and returns the earliest departure.
func (d *departures) popEarliest() departure { return heap.Pop((*departureHeap)(d)).(departure) }

// departureHeap implements [heap.Interface].
type departureHeap departures

func (d departureHeap) Len() int           { return len(d) }
func (d departureHeap) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d departureHeap) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *departureHeap) Push(one any)      { *d = append(*d, one.(departure)) }

func (d *departureHeap) Pop() any {
	last := len(*d) - 1
	one := (*d)[last]
	(*d)[last] = departure{}
	if *d = (*d)[:last]; cap(*d) > 64 && last < cap(*d)/4 {
		*d = slices.Clone(*d) // many members were absent
	}
	return one
}
