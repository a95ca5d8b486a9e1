//go:build !race

package handlers_test

// allocationSlack multiplies the limits of allocations.
const allocationSlack = 1
