package bucket

import (
	"testing"
	"time"
)

const second = int64(time.Second)

func TestTakeStopsAtBurstAndRefills(t *testing.T) {
	r := Rate{PerSecond: 10, Burst: 3}
	var b Bucket
	for range 3 {
		if !b.Take(r, 1, 1) {
			t.Fatal("refused within the burst")
		}
	}
	if b.Take(r, 1, 1) {
		t.Error("taken beyond the burst")
	}
	if !b.Take(r, 1, 1+second/10) || b.Take(r, 1, 1+second/10) {
		t.Error("a tenth of a second is one token")
	}
	if b.IsFull(r, second/4) || !b.IsFull(r, 2*second) {
		t.Error("full at the wrong time")
	}
}

func TestFullBucketGivesMoreThanItHolds(t *testing.T) {
	r := Rate{PerSecond: 10, Burst: 5}
	var b Bucket
	if !b.Take(r, 25, 1) || b.Take(r, 1, 1+second) {
		t.Error("a large take does not delay the next one")
	}
	if d := b.Debt(r, 1+second); d < 999*time.Millisecond || d > 1001*time.Millisecond {
		t.Errorf("a debt of %v", d)
	}
}

func TestSpendOwesNoMoreThanMaxDebt(t *testing.T) {
	r := Rate{PerSecond: 100, Burst: 10}
	var b Bucket
	for range 100_000 {
		b.Spend(r, 1, 30*time.Second, 1)
	}
	if d := b.Debt(r, 1); d < 29*time.Second || d > 31*time.Second {
		t.Errorf("a debt of %v", d)
	}
	if d := b.Debt(Rate{PerSecond: 1e6, Burst: 1e6}, 1); d != 0 {
		t.Errorf("a debt of %v at another rate", d)
	}
}

func TestClockThatGoesBackAddsNothing(t *testing.T) {
	r := Rate{PerSecond: 1, Burst: 1}
	var b Bucket
	b.Take(r, 1, 10*second)
	if b.Take(r, 1, 5*second) || b.Take(r, 1, 10*second) {
		t.Error("tokens for time that did not pass")
	}
}

func TestZeroRateIsNoLimit(t *testing.T) {
	var b Bucket
	for range 10 {
		if !b.Take(Rate{}, 1e9, 1) || b.Debt(Rate{}, 1) != 0 {
			t.Fatal("limited")
		}
	}
}

// TestUseWithoutLimitDoesNotCount uses a bucket before its rate becomes a limit.
func TestUseWithoutLimitDoesNotCount(t *testing.T) {
	r := Rate{PerSecond: 1, Burst: 2}
	var b Bucket
	b.Take(r, 2, 1)
	b.Take(Rate{}, 1e9, 1)
	b.Spend(Rate{}, 1e9, time.Hour, 1)
	if !b.IsFull(Rate{}, 1) || !b.Take(r, 2, 1) || b.Take(r, 1, 1) {
		t.Error("what was used without a limit counts")
	}
}
