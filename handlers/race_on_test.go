//go:build race

package handlers_test

// allocationSlack multiplies the limits of allocations: with the race detector, pools drop some
// of their values.
const allocationSlack = 1.5
