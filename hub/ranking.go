package hub

import "slices"

// ranking keeps the first items of an order, up to a limit, and as many too many until they
// are listed.
type ranking[T any] struct {
	limit   int
	compare func(a, b T) int
	items   []T
}

// addItem adds an item.
func (r *ranking[T]) addItem(item T) {
	if r.items = append(r.items, item); len(r.items) >= 2*r.limit {
		r.trimToLimit()
	}
}

// trimToLimit sorts the items and drops the ones beyond the limit. It returns an empty list in
// place of nil.
func (r *ranking[T]) trimToLimit() []T {
	slices.SortFunc(r.items, r.compare)
	if len(r.items) > r.limit {
		clear(r.items[r.limit:])
		r.items = r.items[:r.limit]
	}
	if r.items == nil {
		r.items = []T{}
	}
	return r.items
}
